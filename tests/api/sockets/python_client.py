"""Puts `docs/client.py` through the churn, as `tests/web/churn.mjs` does with `web/switchboard.js`.

Its sockets die in the middle of their frames; frames are lost, doubled and reordered; requests and responses are lost;
tokens are refused and expire. In the end each client has the log: every message once, in order. Where a new token is
refused too, it gives up. The talk advances with the number of lost sockets, so nothing here waits for the clock. Prints
one line of figures; the exit code is 1 if a client has anything other than the log, or after SECONDS.
"""

import asyncio, base64, collections, hashlib, hmac, json, os, pathlib, random, sys, time

import httpx, websockets

sys.path.insert(0, str(pathlib.Path(__file__).parents[3] / "docs"))
import client

CLIENTS, THREADS, DISCONNECTS, ROUNDS, SECONDS, SEED = (
    int(os.environ.get(name, otherwise))
    for name, otherwise in {
        "CLIENTS": 12,
        "THREADS": 3,
        "DISCONNECTS": 200,
        "ROUNDS": 4,
        "SECONDS": 240,
        "SEED": time.time_ns() % 1_000_000,
    }.items()
)
URL, SOCKET, SECRET = (os.environ[name] for name in ("SWITCHBOARD_URL", "SWITCHBOARD_SOCKET", "JWT_SECRET"))
LIFE = 1  # the longest life of a socket, in seconds
LONG = "🦀" * 32_000  # a message over 120 KB, which events carry without its text

faults = collections.Counter()
died = asyncio.Condition()


def signed(claims):
    part = lambda data: base64.urlsafe_b64encode(data).rstrip(b"=").decode()
    text = ".".join(part(json.dumps(each).encode()) for each in ({"alg": "HS256", "typ": "JWT"}, claims))
    return f"{text}.{part(hmac.digest(SECRET.encode(), text.encode(), hashlib.sha256))}"


def token_of(role, seconds=3600):
    who = {"customer": "cus", "agent": "ana", "admin": "root"}[role]
    names = {"iss": "switchboard", "aud": "switchboard", "tenant": "acme", "sub": who, "role": role}
    return signed({**names, "exp": int(time.time() + seconds), "nonce": random.random()})


def tokens_of(role):
    """A function whose tokens are now and then refused, never two in a row, or expire soon."""
    fault = None

    def token():
        nonlocal fault
        fault = random.choices(["refused_tokens", "brief_tokens", None], [fault != "refused_tokens", 2, 7])[0]
        faults[fault] += 1
        return token_of(role, {"refused_tokens": -60, "brief_tokens": 2}.get(fault, 3600))

    return token


class Wire:
    """A socket that dies in the middle of its frames, while deaths are left, and that is no good before."""

    connect = websockets.connect

    def __init__(self, *args, **options):
        self.connecting, self.held = Wire.connect(*args, **options), []
        self.frames_left = random.randrange(5) if random.random() < 0.8 else random.randrange(40)

    async def __aenter__(self):
        self.socket = await self.connecting
        self.late = asyncio.get_running_loop().call_later(LIFE, self.die)
        return self

    async def __aexit__(self, *_):
        self.late.cancel()
        self.socket.transport.abort()

    async def send(self, text):
        await self.socket.send(text)

    async def recv(self):
        while True:
            if self.frames_left == 0:
                self.die()
            try:
                frame = await asyncio.wait_for(self.socket.recv(), 0.005 if self.held else None)
            except asyncio.TimeoutError:
                return self.let_go()
            self.frames_left -= 1
            if random.random() < 0.15:
                faults["lost"] += 1
                continue
            self.held.append(frame)
            if random.random() < 0.2:
                faults["doubled"] += 1
                self.held.append(frame)
            if random.random() < 0.5:
                return self.let_go()

    def let_go(self):
        place = random.randrange(len(self.held))
        faults["reordered"] += place > 0
        return self.held.pop(place)

    def die(self):
        if faults["disconnects"] < DISCONNECTS:
            faults["disconnects"] += 1
            self.socket.transport.abort()
            asyncio.ensure_future(announce_death())


async def announce_death():
    async with died:
        died.notify_all()


async def deaths(count):
    async with died:
        await died.wait_for(lambda: faults["disconnects"] >= count)


class Network(httpx.AsyncHTTPTransport):
    """Loses requests and responses, and answers that the server is busy."""

    async def handle_async_request(self, request):
        fault = random.choices(["lost_requests", "lost_responses", "busy", None], [1, 2, 1, 12])[0]
        faults[fault] += 1
        if fault == "lost_requests":
            raise httpx.ConnectError("refused", request=request)
        if fault == "busy":
            return httpx.Response(503, headers={"retry-after": "0"}, request=request)
        response = await super().handle_async_request(request)
        if fault == "lost_responses":
            await response.aread()
            raise httpx.ReadError("cut off", request=request)
        return response


class Http(httpx.AsyncClient):
    def __init__(self, **options):
        super().__init__(transport=Network(), **options)


class Thread(client.Thread):
    """The client with short delays, so that the test waits for events and not for the clock."""

    ping_every, gap_after, patience, backoff = 0.5, 0.1, 2, 0.01


class Listener:
    def __init__(self, thread_id, role):
        self.thread, self.heard, self.news = Thread(URL, SOCKET, thread_id, tokens_of(role)), [], asyncio.Condition()
        self.task = asyncio.ensure_future(self.hear())

    async def hear(self):
        async for message in self.thread.messages():
            async with self.news:
                self.heard.append(message)
                self.news.notify_all()

    async def through(self, seq):
        hears = asyncio.ensure_future(self.at_least(seq))
        await asyncio.wait([hears, self.task], return_when=asyncio.FIRST_COMPLETED)
        if self.task.done():
            self.task.result()

    async def at_least(self, seq):
        async with self.news:
            await self.news.wait_for(lambda: len(self.heard) >= seq)


async def talk(thread_id):
    """The customer asks, an agent claims and releases. Returns the number of messages that they have sent."""
    asks, answers = (Thread(URL, SOCKET, thread_id, tokens_of(role)) for role in ("customer", "agent"))
    for round in range(ROUNDS):
        await deaths(DISCONNECTS * round // ROUNDS)
        await asks.send(f"Question {round}" if round else LONG)
        await asyncio.gather(*(asks.send(f"Question {round}, part {part}") for part in ("two", "three")))
        await answers.send(f"Ana here, in round {round}.")
        await asks.send("Good to hear.")
        await answers.request("POST", "/release", json={"to": "bot"})
    return 5 * ROUNDS


async def gives_up(thread_id):
    """A client whose new token is refused too stops, and says so."""
    tokens = [token_of("customer", -60) for _ in range(3)]
    thread = Thread(URL, SOCKET, thread_id, tokens.pop)
    try:
        await anext(thread.messages())
    except RuntimeError as error:
        assert "refused" in str(error) and len(tokens) == 1, (error, tokens)
    else:
        raise AssertionError("a client with refused tokens has heard a message")


async def call(method, path, role, **body):
    """A request over a network without faults."""
    async with httpx.AsyncClient(timeout=60) as http:
        bearer = {"Authorization": f"Bearer {token_of(role)}"}
        return (await http.request(method, URL + path, headers=bearer, **body)).raise_for_status().json()


async def log_of(thread_id):
    log = []
    while True:
        page = await call("GET", f"/threads/{thread_id}/messages?limit=100&after={len(log)}", "customer")
        log += page["data"]
        # After the last release the bot has still to answer.
        if page["next_cursor"] is None and log[-1]["role"] == "bot":
            return log


async def churn():
    random.seed(SEED)
    about = {"name": "Robin", "model": "gpt-5-mini", "instructions": "Be brief."}
    chatbot = (await call("POST", "/chatbots", "admin", json=about))["id"]
    made = [call("POST", "/threads", "customer", json={"chatbot_id": chatbot}) for _ in range(THREADS)]
    ids = [thread["id"] for thread in await asyncio.gather(*made)]
    await gives_up(ids[0])
    client.websockets.connect, client.httpx.AsyncClient, calm = Wire, Http, httpx.AsyncClient
    listeners = [Listener(ids[n % THREADS], ("customer", "agent")[n // THREADS % 2]) for n in range(CLIENTS)]
    *sent, _ = await asyncio.gather(*map(talk, ids), deaths(DISCONNECTS))
    client.httpx.AsyncClient = calm
    logs = {id: await log_of(id) for id in ids}
    logged = [sum(message["role"] in ("customer", "agent") for message in log) for log in logs.values()]
    assert logged == sent, f"{sent} messages were sent, {logged} are in the logs"
    for n, listener in enumerate(listeners):
        log = logs[listener.thread.id]
        await listener.through(len(log))
        assert listener.heard == log, f"client {n}: {differences(listener.heard, log)}"
        assert listener.thread.seq == len(log)
        listener.task.cancel()
    messages = sum(map(len, logs.values()))
    return {"clients": CLIENTS, "threads": THREADS, "messages": messages, **faults, "seed": SEED}


def differences(heard, log):
    pairs = enumerate(zip(heard, log), 1)
    first = next((f"#{seq} is {one}" for seq, (one, other) in pairs if one != other), "one ends before the other")
    return f"{len(heard)} of {len(log)} messages; {first}"[:2000]


try:
    figures = asyncio.run(asyncio.wait_for(churn(), SECONDS))
except BaseException:
    print(f"churn: SEED={SEED}, faults so far: {dict(faults)}", file=sys.stderr)
    raise
kinds = "disconnects lost doubled reordered lost_requests lost_responses busy refused_tokens brief_tokens"
assert all(faults[kind] > 0 for kind in kinds.split()), faults
print("churn:", ", ".join(f"{name} {figure}" for name, figure in figures.items() if name))
