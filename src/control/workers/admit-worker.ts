/**
 * A worker's socket from its first message on.
 *
 *     opened --hello--> greeting --row written--> linked --closed--> (registry: away)
 *        |                 |
 *        '-- no hello,     '-- refused: another protocol, a name in use, another worker's certificate, a certificate of one that
 *            not a message     was deleted; closed 1013: the database is down, come again
 *
 * Messages that come while the row is written wait. Every message is checked; a malformed one closes the channel.
 */
import type { FastifyBaseLogger } from "fastify";
import type { WebSocket } from "ws";
import { UnderstudyError } from "../../base/errors.ts";
import { decodeControlConsoleFrame } from "../../wire/console-frames.ts";
import { decodeWorkerMessage, encodeControlChannelMessage } from "../../wire/control-codec.ts";
import { CONTROL_PROTOCOL, type ControlMessage, type WorkerHello, type WorkerMessage } from "../../wire/control-messages.ts";
import type { ControlPlane } from "../control-plane.ts";
import { type RegistrationRefusal, registerWorker } from "../db/queries/register-worker.ts";
import type { WorkerRow } from "../db/schema.ts";
import { isDatabaseUnavailable } from "../db/unavailable.ts";
import { answerArbiterRequest } from "./answer-arbiter-request.ts";
import { WorkerLink } from "./worker-link.ts";

const HELLO_TIMEOUT_MS = 5000;
const NAME = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;

/** Rows of workers that this process has admitted: enough to have one back while the database is down. */
export type KnownWorkers = Map<string, WorkerRow>;

const REFUSALS: Readonly<Record<RegistrationRefusal, (certifiedId: string | null) => string>> = {
  replaced: () => "another process has taken its place",
  certificate_revoked: (certifiedId) => `its certificate is that of ${certifiedId}, which was deleted`,
  certificate_of_another: (certifiedId) => `its certificate is that of another worker, ${certifiedId}`,
};

/** @param certifiedId of the worker's certificate; null: it shows none, on a loopback */
export function admitWorker(
  control: ControlPlane,
  known: KnownWorkers,
  socket: WebSocket,
  certifiedId: string | null,
  log: FastifyBaseLogger,
): void {
  let link: WorkerLink | null = null;
  let greeting = false;
  const waiting: [Buffer, boolean][] = [];
  const timer = setTimeout(() => socket.close(4400, "no hello"), HELLO_TIMEOUT_MS);

  const receive = (data: Buffer, isBinary: boolean): void => {
    try {
      if (link !== null) {
        link.heard(performance.now(), control.config.workerLostMs);
        if (isBinary) receiveFrame(control, link, data);
        else receiveMessage(control, link, decodeWorkerMessage(data.toString("utf8")));
      } else if (greeting) {
        waiting.push([data, isBinary]);
      } else {
        greeting = true;
        clearTimeout(timer);
        const message = isBinary ? null : decodeWorkerMessage(data.toString("utf8"));
        if (message?.type !== "hello") throw new UnderstudyError("malformed_message", "Cannot begin without a hello");
        void greet(message);
      }
    } catch (error) {
      log.warn({ worker: link?.worker.name, err: error }, "control channel closed: a message of the worker cannot be read");
      socket.close(4400, error instanceof Error ? error.message.slice(0, 120) : "bad message");
    }
  };

  const refuse = ({ name, incarnation }: WorkerHello, code: string, message: string): void => {
    log.warn({ worker: name, incarnation, code, certifiedId }, `worker refused: ${message}`);
    send(socket, { type: "refused", code, message });
    socket.close(4403, code);
  };

  const greet = async (hello: WorkerHello): Promise<void> => {
    try {
      const refusal = await whyRefused(control, hello);
      if (refusal !== null) {
        refuse(hello, refusal.code, refusal.message);
        return;
      }
      const worker = await rowOf(control, known, hello, certifiedId);
      if (typeof worker === "string") {
        refuse(hello, worker, `Cannot join as "${hello.name}": ${REFUSALS[worker](certifiedId)}`);
        return;
      }
      if (worker.desiredState === "fenced") {
        refuse(hello, "fenced", `Cannot join as "${hello.name}": it is fenced; uncordon it first`);
        return;
      }
      if (socket.readyState !== socket.OPEN) return;
      known.set(worker.name, worker);
      control.workers.link(worker.id)?.terminate();
      const former = control.workers.link(worker.id);
      if (former !== null) control.workers.remove(former);
      link = new WorkerLink(socket, worker, hello, performance.now());
      link.send({ type: "welcome", workerId: worker.id });
      log.info(
        { worker: worker.name, workerId: worker.id, pid: hello.pid, incarnation: hello.incarnation, replicas: hello.replicas.length },
        "worker joined",
      );
      control.workers.add(link);
      for (const [data, isBinary] of waiting.splice(0)) receive(data, isBinary);
    } catch (error) {
      const down = isDatabaseUnavailable(error);
      log.warn({ worker: hello.name, err: error }, down ? "arbiter_unavailable: the worker shall come again" : "worker not admitted");
      socket.close(1013, down ? "arbiter_unavailable" : "internal_error");
    }
  };

  socket.on("message", (data, isBinary) => receive(data as Buffer, isBinary));
  socket.on("pong", () => link?.heard(performance.now(), control.config.workerLostMs));
  socket.on("error", (error) => log.warn({ worker: link?.worker.name, err: error }, "control channel failed"));
  socket.on("close", (code) => {
    clearTimeout(timer);
    if (link === null) return;
    log.warn({ worker: link.worker.name, code }, "control channel of the worker closed");
    control.workers.remove(link);
  });
}

export function isWorkerName(name: string): boolean {
  return NAME.test(name);
}

async function whyRefused(control: ControlPlane, hello: WorkerHello): Promise<{ code: string; message: string } | null> {
  if (hello.protocol !== CONTROL_PROTOCOL) {
    return {
      code: "protocol_mismatch",
      message: `Cannot join: the worker speaks control protocol ${hello.protocol}, this control plane ${CONTROL_PROTOCOL}. Run the same build`,
    };
  }
  if (!isWorkerName(hello.name)) {
    return {
      code: "bad_worker_name",
      message: `Cannot join as "${hello.name}": a label of lower-case letters, digits and hyphens is wanted`,
    };
  }
  const other = control.workers.linkByName(hello.name);
  if (other !== null && other.hello.incarnation !== hello.incarnation && (await stillThere(control, other))) {
    return {
      code: "name_in_use",
      message: `Cannot join as "${hello.name}": process ${other.hello.pid} on ${other.hello.host} has that name. Choose another`,
    };
  }
  return null;
}

/** Asks an old connection whether anybody is there: a worker that was killed and started again must get its name back. */
function stillThere(control: ControlPlane, link: WorkerLink): Promise<boolean> {
  const heardMs = link.lastHeardMs;
  link.ping();
  return new Promise((resolve) => {
    const deadline = performance.now() + 1000;
    let overdue = false;
    const look = (): void => {
      if (link.lastHeardMs > heardMs) resolve(control.workers.link(link.worker.id) === link);
      else if (control.workers.link(link.worker.id) !== link || overdue) resolve(false);
      else {
        // This process may have been stopped for a while: what has arrived meanwhile is read before the last look.
        overdue = performance.now() > deadline;
        setTimeout(() => setImmediate(look), 20);
      }
    };
    look();
  });
}

async function rowOf(
  control: ControlPlane,
  known: KnownWorkers,
  hello: WorkerHello,
  certifiedId: string | null,
): Promise<WorkerRow | RegistrationRefusal> {
  try {
    return await registerWorker(control.database, hello, certifiedId);
  } catch (error) {
    const row = known.get(hello.name);
    const same = row?.incarnation === hello.incarnation && (certifiedId === null || row.id === certifiedId);
    if (row !== undefined && same && isDatabaseUnavailable(error)) return row;
    throw error;
  }
}

function receiveMessage(control: ControlPlane, link: WorkerLink, message: WorkerMessage): void {
  switch (message.type) {
    case "hello":
      throw new UnderstudyError("malformed_message", "Cannot take a second hello");
    case "replicaReport":
      control.workers.reported(link, message.report);
      return;
    case "replicaGone":
      control.workers.replicaGone(link, message.replicaId, message.consoleEnd === null ? null : BigInt(message.consoleEnd));
      return;
    case "arbiterRequest":
      void answerArbiterRequest(control, link, message);
      return;
    default:
      control.consoles.workerSaid(link, message);
  }
}

function receiveFrame(control: ControlPlane, link: WorkerLink, data: Buffer): void {
  const frame = decodeControlConsoleFrame(data);
  if (frame.type !== "output") throw new UnderstudyError("malformed_message", "Cannot take a console input frame from a worker");
  control.consoles.workerOutput(link, frame);
}

function send(socket: WebSocket, message: ControlMessage): void {
  socket.send(encodeControlChannelMessage(message));
}
