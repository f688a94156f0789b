/** Addresses to listen on: read from text, and checked before anything is started. */
import { createServer } from "node:net";
import { UnderstudyError } from "../../base/errors.ts";

export interface ListenAddress {
  readonly host: string;
  readonly port: number;
}

/** @param text `host:port`, `[v6]:port` or a port alone */
export function parseListenAddress(text: string, defaultHost = "127.0.0.1"): ListenAddress {
  const match = /^(?:(?:\[([^\]]+)\]|([^:]*)):)?(\d{1,5})$/.exec(text);
  const port = Number(match?.[3]);
  if (match === null || port > 65_535) {
    throw new UnderstudyError("bad_listen_address", `Cannot listen on "${text}": write it as HOST:PORT, such as 127.0.0.1:8080`);
  }
  const host = match[1] ?? match[2] ?? "";
  return { host: host === "" ? defaultHost : host, port };
}

export function addressText({ host, port }: ListenAddress): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

/** Where a client on this machine reaches it. */
export function urlOf(address: ListenAddress): string {
  const host = address.host === "0.0.0.0" ? "127.0.0.1" : address.host === "::" ? "::1" : address.host;
  return `http://${addressText({ host, port: address.port })}`;
}

/** @throws {UnderstudyError} `address_in_use` with the option that moves it */
export async function assertFree(address: ListenAddress, what: string, option: string): Promise<void> {
  const server = createServer();
  try {
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen({ host: address.host, port: address.port, exclusive: true }, resolve);
    });
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const text = addressText(address);
    if (code === "EADDRINUSE") {
      throw new UnderstudyError(
        "address_in_use",
        `Cannot start ${what} on ${text}: the port is in use; stop what uses it, or choose another with ${option}`,
        {
          cause: error,
        },
      );
    }
    throw new UnderstudyError("bad_listen_address", `Cannot start ${what} on ${text}: ${message}; choose another address with ${option}`, {
      cause: error,
    });
  } finally {
    await new Promise<void>((resolve) => (server.listening ? server.close(() => resolve()) : resolve()));
  }
}

/** Ports that are free now, all different. */
export async function freePorts(count: number, host = "127.0.0.1"): Promise<number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer();
      await new Promise<void>((resolve, reject) => {
        server.once("error", reject);
        server.listen(0, host, resolve);
      });
      return server;
    }),
  );
  const ports = servers.map((server) => (server.address() as { port: number }).port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}
