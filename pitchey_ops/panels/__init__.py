"""What a responder reads: charts, tables and the safe display of strangers' text."""
