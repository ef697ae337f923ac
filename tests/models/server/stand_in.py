"""What stand-ins for a server's executable have in common: the beginning of their scripts."""

HANDLER = """
import json, os, subprocess, sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
args = sys.argv[1:]
class Says(BaseHTTPRequestHandler):
    def log_message(self, *_): pass
    def say(self, data):
        content = json.dumps(data).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)
"""
