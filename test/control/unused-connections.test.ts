/** Which connections a server that stops need not wait for. */
import { once } from "node:events";
import { createServer, type ServerResponse } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { UnusedConnections } from "../../src/control/unused-connections.ts";

test("a connection over which nothing was asked is closed; one that waits for its answer gets it", async () => {
  const server = createServer();
  const unused = new UnusedConnections(server);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => void server.close());
  const { port } = server.address() as AddressInfo;
  const silent = connect(port, "127.0.0.1");
  await once(server, "connection");
  const asking = connect(port, "127.0.0.1");
  onTestFinished(() => void asking.destroy());
  asking.write("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
  const [, response] = (await once(server, "request")) as [unknown, ServerResponse];
  const closed = once(server, "close");
  server.close();
  silent.resume();
  const gone = once(silent, "close");
  unused.close();
  await gone;
  const answered = once(asking, "data");
  response.end("here it is");
  expect(String((await answered)[0])).toContain("here it is");
  await closed;
});
