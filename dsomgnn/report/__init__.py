"""The rank report of a run: report.html, report.json and ranks.parquet in its folder."""
