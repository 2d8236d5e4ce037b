"""dtrb: fine-tune text recognisers and put them into EasyOCR."""

__version__ = "0.1.0"
