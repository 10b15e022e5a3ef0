"""Label: one image after the other, on the keyboard."""

from sslapp.ui import heading
from sslapp.ui.access import require
from sslapp.ui.reading import show
from sslapp.usecases.labelling.offers import opening

access = require()
project_id = heading.open_project(access, "Label")
show(access, project_id, opening(access, project_id))
