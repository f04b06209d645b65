"""What is left when a run is over: the document, the page, the folder."""
