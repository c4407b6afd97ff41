"""What CloudWatch Logs' API says of one account, as far as a gateway asks it.

What the emulator of the other tests does not look at is looked at here: signatures, the order of events, and bytes.

Says its port. `GET /` reads what it holds.
"""

from threading import Lock

LOGS = Service("logs", "eu-west-1", "InvalidParameterException")
HELD = {"groups": {}, "events": 0, "throttled": False, "refused": []}
ALONE = Lock()


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


class Api(Handler):
    def do_GET(self):
        self.answer(200, HELD)

    def do_POST(self):
        try:
            name, asked = LOGS.operation(self, self.body())
            with ALONE:
                self.answer(200, DOES[name](asked))
        except Wrong as wrong:
            HELD["refused"].append(str(wrong))
            self.answer(400, {"__type": str(wrong)})


serve(Api)
