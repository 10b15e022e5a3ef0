"""How a project maps deep images, as its settings say: readers, store and encoders see the same."""

from sqlalchemy import Connection

from sslapp.imaging.intensities import IntensityMapping
from sslapp.rounds.project_pixels import mapping_of
from sslapp.store import projects
from sslapp.store.projects import ProjectSettings
from sslapp.vocabulary import Intensities

TITLES = {
    Intensities.IMAGE: "of each image",
    Intensities.SET: "of the set",
    Intensities.EXTREMES: "extremes of each image",
}


def intensity_mapping(conn: Connection, project_id: int) -> IntensityMapping:
    """The project's mapping of images with more than 8 bits a sample."""
    return mapping_of(projects.find_project(conn, project_id).settings)


def in_words(settings: ProjectSettings) -> str:
    """What is black and what white in images with more than 8 bits a sample."""
    match settings.intensities:
        case Intensities.IMAGE:
            return "the .5 and 99.5 percentile of each image"
        case Intensities.SET:
            limits = settings.intensity_limits
            if limits is None:
                return (
                    "the .5 and 99.5 percentile of each image, until a first import with such "
                    "images has frozen those of the set"
                )
            return f"{limits[0]:g} and {limits[1]:g}, the .5 and 99.5 percentile of the set"
        case Intensities.EXTREMES:
            return (
                "the least and greatest value of each image (colours keep their upper 8 bits), "
                "as in every project from before there was a choice"
            )
