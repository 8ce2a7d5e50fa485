"""The store on an S3 API: client, credentials, patience, and strict reading of answers."""
