"""How a DICOM file is written: elements, transfer syntaxes, fragments, codestreams."""
