"""What Global Accelerator's API says of one endpoint group, as far as a gateway asks it.

No emulator of this service is known. This one takes its messages from Amazon's own description of the API, which botocore brings along:
each request is checked against it, and its signature is checked by botocore's own signer. What the accelerator does with weights is not
played.

Takes the group's ARN and its endpoints. Says its port. `GET /` and `PUT /` read and change what it holds.
"""

import json
import re
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import botocore.session
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.validate import ParamValidator

ARN, *ENDPOINTS = sys.argv[1:]
SERVICE = botocore.session.get_session().get_service_model("globalaccelerator")
TARGET = SERVICE.metadata["targetPrefix"]
SIGNER = SigV4Auth(Credentials("test", "test"), "globalaccelerator", "us-west-2")
HELD = {
    "weights": {endpoint: 0 for endpoint in ENDPOINTS},
    "health": {endpoint: "HEALTHY" for endpoint in ENDPOINTS},
    "dial": 100.0,
    "busy": False,
    "asked": {},
}


class Wrong(Exception):
    """An error as the API tells it."""


def group():
    describe = lambda endpoint: {
        "EndpointId": endpoint,
        "Weight": HELD["weights"][endpoint],
        "HealthState": HELD["health"][endpoint],
        "HealthReason": "target is unhealthy" if HELD["health"][endpoint] == "UNHEALTHY" else "",
        "ClientIPPreservationEnabled": True,
    }
    return {
        "EndpointGroup": {
            "EndpointGroupArn": ARN,
            "EndpointGroupRegion": "us-east-1",
            "EndpointDescriptions": [describe(endpoint) for endpoint in HELD["weights"]],
            "TrafficDialPercentage": HELD["dial"],
        }
    }


def update(asked):
    if HELD["busy"]:
        raise Wrong("TransactionInProgressException")
    configurations = asked.get("EndpointConfigurations")
    if configurations is not None:
        for one in configurations:
            if not one.get("ClientIPPreservationEnabled"):
                raise Wrong("InvalidArgumentException")
        # The API replaces the whole list.
        HELD["weights"] = {one["EndpointId"]: one.get("Weight", 128) for one in configurations}
    return group()


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


class Api(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def body(self):
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def answer(self, status, value, kind="application/json"):
        text = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def do_GET(self):
        self.answer(200, HELD)

    def do_PUT(self):
        change = json.loads(self.body())
        for name, value in change.items():
            HELD[name] = HELD[name] | value if isinstance(value, dict) else value
        self.answer(200, HELD)

    def do_POST(self):
        body = self.body()
        kind = "application/x-amz-json-1.1"
        try:
            prefix, name = self.headers["X-Amz-Target"].split(".")
            operation = SERVICE.operation_model(name)
            asked = json.loads(body)
            report = ParamValidator().validate(asked, operation.input_shape)
            if prefix != TARGET or report.has_errors():
                raise Wrong("InvalidArgumentException")
            signature(self, body)
            HELD["asked"][name] = HELD["asked"].get(name, 0) + 1
            if asked["EndpointGroupArn"] != ARN:
                raise Wrong("EndpointGroupNotFoundException")
            told = {"DescribeEndpointGroup": lambda _: group(), "UpdateEndpointGroup": update}[name](asked)
            told_wrong = ParamValidator().validate(told, operation.output_shape)
            assert not told_wrong.has_errors(), told_wrong.generate_report()
            self.answer(200, told, kind)
        except Wrong as wrong:
            self.answer(400, {"__type": str(wrong), "message": "as the test wants it"}, kind)


server = ThreadingHTTPServer(("127.0.0.1", 0), Api)
print(server.server_port, flush=True)
server.serve_forever()
