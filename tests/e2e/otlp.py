"""A collector of OpenTelemetry: messages, gRPC and TLS are not ours. With a certificate and its key it speaks TLS.

Says its ports (gRPC, HTTP), then one line for each span. The field `x-behave` of a request says how it is taken: `hang`, `busy` (busy once
in two), `refuse`, `part` (all but one). What is posted to /lines is taken for lines of a log.
"""

import gzip
import http.server
import json
import ssl
import sys
import threading
import time
from concurrent import futures

import grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2 as traces
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2_grpc

LOCK = threading.Lock()
BUSY = {"next": True}


def value(any_value):
    kind = any_value.WhichOneof("value")
    return getattr(any_value, kind) if kind else None


def attributes(pairs):
    return {pair.key: value(pair.value) for pair in pairs}


def tell(by, request, fields):
    lines = []
    for resource_spans in request.resource_spans:
        resource = attributes(resource_spans.resource.attributes)
        for scope_spans in resource_spans.scope_spans:
            for span in scope_spans.spans:
                told = {
                    "by": by,
                    "key": fields.get("x-key"),
                    "encoding": fields.get("content-encoding"),
                    "resource": resource,
                    "trace": span.trace_id.hex(),
                    "span": span.span_id.hex(),
                    "parent": span.parent_span_id.hex(),
                    "state": span.trace_state,
                    "name": span.name,
                    "kind": span.kind,
                    "flags": span.flags,
                    "start": span.start_time_unix_nano,
                    "end": span.end_time_unix_nano,
                    "attributes": attributes(span.attributes),
                    "status": span.status.code,
                    "message": span.status.message,
                }
                lines.append(json.dumps(told))
    with LOCK:
        for line in lines:
            print(line, flush=True)


def busy():
    with LOCK:
        BUSY["next"] = not BUSY["next"]
        return not BUSY["next"]


def answer(fields):
    response = traces.ExportTraceServiceResponse()
    if fields.get("x-behave") == "part":
        response.partial_success.rejected_spans = 1
        response.partial_success.error_message = "one too many"
    return response


class Traces(trace_service_pb2_grpc.TraceServiceServicer):
    def Export(self, request, context):
        fields = dict(context.invocation_metadata())
        behave = fields.get("x-behave")
        if behave == "busy" and busy():
            context.abort(grpc.StatusCode.UNAVAILABLE, "not now")
        if behave == "refuse":
            context.abort(grpc.StatusCode.PERMISSION_DENIED, "never")
        tell("grpc", request, fields)
        return answer(fields)


class Http(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def say(self, status, body=b""):
        self.send_response(status)
        self.send_header("content-type", "application/x-protobuf")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        fields = {name.lower(): text for name, text in self.headers.items()}
        if fields.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
        if self.path == "/lines":
            with LOCK:
                for line in body.decode().splitlines():
                    print(json.dumps({"trace": "lines", "line": json.loads(line)}), flush=True)
            return self.say(200)
        behave = fields.get("x-behave")
        if self.path != "/v1/traces" or fields["content-type"] != "application/x-protobuf":
            return self.say(404)
        if behave == "hang":
            time.sleep(60)
        if behave == "busy" and busy():
            return self.say(503)
        if behave == "refuse":
            return self.say(400)
        tell("http", traces.ExportTraceServiceRequest.FromString(body), fields)
        self.say(200, answer(fields).SerializeToString())


server = grpc.server(futures.ThreadPoolExecutor(4))
trace_service_pb2_grpc.add_TraceServiceServicer_to_server(Traces(), server)
over_http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Http)
if len(sys.argv) > 1:
    certificate, key = sys.argv[1:]
    with open(certificate, "rb") as chain, open(key, "rb") as secret:
        credentials = grpc.ssl_server_credentials([(secret.read(), chain.read())])
    grpc_port = server.add_secure_port("127.0.0.1:0", credentials)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    # The handshake is the thread's that serves the connection, not of the one that takes all.
    over_http.socket = context.wrap_socket(over_http.socket, server_side=True, do_handshake_on_connect=False)
else:
    grpc_port = server.add_insecure_port("127.0.0.1:0")
server.start()
over_http.daemon_threads = True
# Who does not trust the certificate hangs up: that is what a test is about.
over_http.handle_error = lambda *_: None
print(grpc_port, over_http.server_port, flush=True)
over_http.serve_forever()
