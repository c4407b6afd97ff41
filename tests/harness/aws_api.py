"""What stand-ins for APIs of AWS have in common: messages are checked against Amazon's own description of the API, which botocore brings
along, and signatures by botocore's own signer. The text of one stand-in follows behind this one.
"""

import json
import re
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import botocore.session
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.validate import ParamValidator


class Wrong(Exception):
    """An error as the API tells it."""


class Service:
    """An API, and who signs for it."""

    def __init__(self, name, region, malformed):
        self.model = botocore.session.get_session().get_service_model(name)
        self.signer = SigV4Auth(Credentials("test", "test"), name, region)
        self.malformed = malformed

    def operation(self, request, body):
        """The operation that is asked for, and its input."""
        prefix, name = request.headers["X-Amz-Target"].split(".")
        asked = json.loads(body)
        report = ParamValidator().validate(asked, self.model.operation_model(name).input_shape)
        if prefix != self.model.metadata["targetPrefix"] or report.has_errors():
            raise Wrong(self.malformed)
        self.signature(request, body)
        return name, asked

    def signature(self, request, body):
        stated = request.headers.get("Authorization", "")
        signed = re.search(r"SignedHeaders=([^,]+)", stated)
        if signed is None:
            raise Wrong("MissingAuthenticationTokenException")
        headers = {name: request.headers[name] for name in signed[1].split(";")}
        copy = AWSRequest("POST", f"http://{request.headers['Host']}/", headers=headers, data=body)
        copy.context["timestamp"] = request.headers["X-Amz-Date"]
        text = self.signer.string_to_sign(copy, self.signer.canonical_request(copy))
        if not stated.endswith("Signature=" + self.signer.signature(text, copy)):
            raise Wrong("InvalidSignatureException")


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def body(self):
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def answer(self, status, value, kind="application/x-amz-json-1.1"):
        text = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)


def serve(handler):
    """Says its port, and serves for ever."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    print(server.server_port, flush=True)
    server.serve_forever()
