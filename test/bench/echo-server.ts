/** A process that sends back whatever comes over TCP: the other end of a round trip. Tells its parent the port. */
import { createServer } from "node:net";

const server = createServer((socket) => {
  socket.setNoDelay(true);
  socket.pipe(socket);
  socket.on("error", () => undefined);
});
server.listen(0, "127.0.0.1", () => process.send?.((server.address() as { port: number }).port));
