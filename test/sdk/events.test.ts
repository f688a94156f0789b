/** The event stream against a real HTTP server: resumed by number over every cut, never silent about what is missing. */
import { EventEmitter, once } from "node:events";
import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { Prng } from "../../src/base/prng.ts";
import { UnauthenticatedError, Understudy } from "../../src/sdk/index.ts";
import { SseParser } from "../../src/sdk/sse.ts";

const servers: Server[] = [];

afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
});

async function serve(answer: (response: ServerResponse, url: URL) => void): Promise<{ client: Understudy; urls: URL[] }> {
  const urls: URL[] = [];
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? "/", "http://localhost");
    urls.push(url);
    answer(response, url);
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { client: new Understudy({ url, token: "secret", backoff: { baseMs: 1, capMs: 4 } }), urls };
}

function frame(seq: number, type = "vm.state.changed"): string {
  return `id: ${seq}\nevent: ${type}\ndata: ${JSON.stringify({ seq: String(seq), id: `evt_${seq}`, type, time: "2026-01-01T00:00:00Z", data: {} })}\n\n`;
}

const SSE = { "content-type": "text/event-stream" };

describe("watching events", () => {
  it("gives each event once over a stream that is cut anywhere", async () => {
    const prng = new Prng(7);
    const total = 200;
    const { client, urls } = await serve((response, url) => {
      const after = Number(url.searchParams.get("after") ?? 0);
      let text = "";
      for (let seq = after + 1; seq <= total; seq++) text += frame(seq);
      response.writeHead(200, SSE);
      // Whatever is cut off in the middle of an event is not seen, and comes again.
      response.write(text.slice(0, prng.between(0, 3000)), () => response.destroy());
    });
    const seen: string[] = [];
    for await (const event of client.events.watch({ after: 0n })) {
      seen.push(event.seq);
      if (seen.length === total) break;
    }
    expect(seen).toEqual(Array.from({ length: total }, (_, i) => String(i + 1)));
    expect(urls.length).toBeGreaterThan(3);
  });

  it("asks for types and a VM, and keeps bookmarks to itself but moves on by them", async () => {
    const { client, urls } = await serve((response, url) => {
      response.writeHead(200, SSE);
      if (url.searchParams.get("after") === null) response.end(frame(41, "bookmark"));
      else response.end(frame(42));
    });
    for await (const event of client.events.watch({ types: ["vm.failover.*", "vm.state.changed"], vm: "demo" })) {
      expect(event.seq).toBe("42");
      break;
    }
    expect(urls[0]?.search).toBe("?types=vm.failover.*%2Cvm.state.changed&vm=demo");
    expect(urls[1]?.searchParams.get("after")).toBe("41");
  });

  it("says that events are missing where the cursor is too old, and goes on with the oldest", async () => {
    const { client, urls } = await serve((response, url) => {
      if (url.searchParams.get("after") === "3") {
        response.writeHead(410, { "content-type": "application/problem+json" });
        response.end(
          JSON.stringify({ type: "x", title: "Expired", status: 410, code: "event_cursor_expired", detail: "Too old", oldest: "90" }),
        );
      } else {
        response.writeHead(200, SSE);
        response.write(frame(90));
      }
    });
    const seen: string[] = [];
    for await (const event of client.events.watch({ after: "3" })) {
      seen.push(`${event.type} ${event.seq}`);
      if (seen.length === 2) break;
    }
    expect(seen).toEqual(["resync 89", "vm.state.changed 90"]);
    expect(urls.map((url) => url.searchParams.get("after"))).toEqual(["3", "89"]);
  });

  it("connects again where the stream falls silent", async () => {
    let calls = 0;
    const { client } = await serve((response) => {
      response.writeHead(200, SSE);
      if (++calls === 1) response.flushHeaders();
      else response.write(frame(5));
    });
    const reasons: string[] = [];
    for await (const event of client.events.watch({ silenceTimeoutMs: 30, onReconnect: (reason) => reasons.push(reason) })) {
      expect(event.seq).toBe("5");
      break;
    }
    expect(reasons[0]).toContain("nothing came for 30 ms");
  });

  it("throws where the service refuses for good", async () => {
    const { client } = await serve((response) => {
      response.writeHead(401, { "content-type": "application/problem+json" });
      response.end(JSON.stringify({ type: "x", title: "No", status: 401, code: "unauthenticated", detail: "No token" }));
    });
    await expect(client.events.watch().next()).rejects.toBeInstanceOf(UnauthenticatedError);
  });

  it("ends when the caller aborts", async () => {
    const { client } = await serve((response) => response.writeHead(200, SSE).flushHeaders());
    const abort = new AbortController();
    const next = client.events.watch({ signal: abort.signal }).next();
    setImmediate(() => abort.abort());
    expect(await next).toEqual({ done: true, value: undefined });
  });

  it("ends when who iterates leaves while it waits, and its connection with it", async () => {
    const closed = new EventEmitter();
    const { client } = await serve((response) => {
      response.on("close", () => closed.emit("close"));
      response.writeHead(200, SSE).flushHeaders();
      response.write(frame(1));
    });
    const events = client.events.watch();
    expect((await events.next()).value).toMatchObject({ seq: "1" });
    const next = events.next();
    const gone = once(closed, "close");
    expect(await events.return()).toEqual({ done: true, value: undefined });
    expect(await next).toEqual({ done: true, value: undefined });
    await gone;
  });
});

describe("listing events", () => {
  it("gives what is held, page by page", async () => {
    const page = (from: number, count: number) =>
      JSON.stringify({
        items: Array.from({ length: count }, (_, i) => ({ seq: String(from + i), type: "vm.created" })),
        nextAfter: String(from + count - 1),
      });
    const { client } = await serve((response, url) => {
      const after = Number(url.searchParams.get("after") ?? 0);
      response.writeHead(200, { "content-type": "application/json" });
      response.end(after >= 5 ? page(after + 1, 0) : page(after + 1, after === 0 ? 3 : 2));
    });
    const seen: string[] = [];
    for await (const event of client.events.list()) seen.push(event.seq);
    expect(seen).toEqual(["1", "2", "3", "4", "5"]);
  });
});

describe("the parser of server-sent events", () => {
  it.each(["\n", "\r\n", "\r"])("reads lines that end in %j, cut anywhere", (newline) => {
    const text = ["retry: 250", ": a comment", "id: 1", "event: a", "data: one", "data: two", "", "data:three", "", "data", "", ""].join(
      newline,
    );
    const bytes = new TextEncoder().encode(`${text}x`);
    for (let cut = 0; cut < bytes.length; cut++) {
      const parser = new SseParser();
      const events = [...parser.push(bytes.subarray(0, cut)), ...parser.push(bytes.subarray(cut))];
      expect(events).toEqual([
        { id: "1", event: "a", data: "one\ntwo" },
        { id: null, event: "message", data: "three" },
        { id: null, event: "message", data: "" },
      ]);
      expect(parser.retryMs).toBe(250);
    }
  });
});
