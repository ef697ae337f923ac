"""What tests of the local pages in a real browser share: a site on a free port."""

import socket
import threading
import time

import uvicorn

from reports.web.guard import Access
from reports.web.review.app import UPLOADS


class Served:
    """A site on a free port of loopback, in a thread."""

    def __init__(self, make_site):
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        self.address = f"http://127.0.0.1:{port}"
        site = make_site(Access(port, uploads=UPLOADS))
        self.server = uvicorn.Server(uvicorn.Config(site, port=port, log_config=None, lifespan="off", access_log=False))
        self.thread = threading.Thread(target=self.server.run)

    def __enter__(self):
        self.thread.start()
        while not self.server.started:
            time.sleep(0.01)
        return self

    def __exit__(self, *_):
        self.server.should_exit = True
        self.thread.join()
