"""What CloudWatch Logs' API says of one account, as far as a gateway asks it.

Messages are checked against Amazon's own description of the API, which botocore brings along, and signatures by botocore's own signer. What
the emulator of the other tests does not look at is looked at here: signatures, the order of events, and bytes.

Says its port. `GET /` reads what it holds.
"""

import json
import re
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock

import botocore.session
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.validate import ParamValidator

SERVICE = botocore.session.get_session().get_service_model("logs")
SIGNER = SigV4Auth(Credentials("test", "test"), "logs", "eu-west-1")
HELD = {"groups": {}, "events": 0, "throttled": False, "refused": []}
ALONE = Lock()


class Wrong(Exception):
    """An error as the API tells it."""


def signature(request, body):
    stated = request.headers.get("Authorization", "")
    signed = re.search(r"SignedHeaders=([^,]+)", stated)
    if signed is None:
        raise Wrong("MissingAuthenticationTokenException")
    headers = {name: request.headers[name] for name in signed[1].split(";")}
    copy = AWSRequest("POST", f"http://{request.headers['Host']}/", headers=headers, data=body)
    copy.context["timestamp"] = request.headers["X-Amz-Date"]
    text = SIGNER.string_to_sign(copy, SIGNER.canonical_request(copy))
    if not stated.endswith("Signature=" + SIGNER.signature(text, copy)):
        raise Wrong("InvalidSignatureException")


def put(asked):
    stream = HELD["groups"].get(asked["logGroupName"], {})
    if asked["logStreamName"] not in stream:
        raise Wrong("ResourceNotFoundException")
    # The first batch that could be taken is told to come again.
    if not HELD["throttled"]:
        HELD["throttled"] = True
        raise Wrong("ThrottlingException")
    events = asked["logEvents"]
    times = [event["timestamp"] for event in events]
    size = sum(len(event["message"].encode()) + 26 for event in events)
    if times != sorted(times) or len(events) > 10_000 or size > 1_048_576:
        raise Wrong("InvalidParameterException")
    HELD["events"] += len(events)
    return {"nextSequenceToken": "unused"}


def create_group(asked):
    if asked["logGroupName"] in HELD["groups"]:
        raise Wrong("ResourceAlreadyExistsException")
    HELD["groups"][asked["logGroupName"]] = {}
    return {}


def create_stream(asked):
    group = HELD["groups"].get(asked["logGroupName"])
    if group is None:
        raise Wrong("ResourceNotFoundException")
    if asked["logStreamName"] in group:
        raise Wrong("ResourceAlreadyExistsException")
    group[asked["logStreamName"]] = {}
    return {}


DOES = {"PutLogEvents": put, "CreateLogGroup": create_group, "CreateLogStream": create_stream}


class Api(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, status, value):
        text = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/x-amz-json-1.1")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def do_GET(self):
        self.answer(200, HELD)

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        try:
            prefix, name = self.headers["X-Amz-Target"].split(".")
            asked = json.loads(body)
            report = ParamValidator().validate(asked, SERVICE.operation_model(name).input_shape)
            if prefix != SERVICE.metadata["targetPrefix"] or report.has_errors():
                raise Wrong("InvalidParameterException")
            signature(self, body)
            with ALONE:
                self.answer(200, DOES[name](asked))
        except Wrong as wrong:
            HELD["refused"].append(str(wrong))
            self.answer(400, {"__type": str(wrong)})


server = ThreadingHTTPServer(("127.0.0.1", 0), Api)
print(server.server_address[1], flush=True)
server.serve_forever()
