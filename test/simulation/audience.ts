/** Everybody outside: clients with their input sessions, and the gateways through which they are attached. */
import type { Chance } from "./chance.ts";
import { Client } from "./client.ts";
import { type GuestKind, sessionId } from "./guest.ts";
import type { Network } from "./network.ts";
import { MonotonicClock, Process } from "./process.ts";
import type { Scheduler } from "./scheduler.ts";
import type { SimulatedVm } from "./vm.ts";

const CLIENTS_OF_A_VM = 2;
/** Gateways' hosts have numbers from here on. */
const GATEWAY_HOST = 500;
/** Beyond those that clients have. */
const POWER_OFF_SESSION = 250;
const POWER_OFF_AGAIN_US = 50_000;

export class Audience {
  readonly gateways: Process[] = [];
  readonly clients: Client[] = [];
  private readonly sessions = new Map<SimulatedVm, number>();

  constructor(
    private readonly scheduler: Scheduler,
    private readonly network: Network,
    private readonly kind: GuestKind,
    private readonly chance: Chance,
  ) {}

  open(gateways: number): void {
    for (let gateway = 0; gateway < gateways; gateway++) this.startGateway(GATEWAY_HOST + gateway);
  }

  vmCreated(vm: SimulatedVm): void {
    this.sessions.set(vm, CLIENTS_OF_A_VM);
    for (let session = 1; session <= CLIENTS_OF_A_VM; session++) {
      this.clients.push(new Client(vm, session, this.kind, this.chance, this.network, (client) => this.newSession(client)));
    }
  }

  vmEnded(vm: SimulatedVm): void {
    for (let at = this.clients.length - 1; at >= 0; at--) if (this.clients[at]?.vm === vm) this.clients.splice(at, 1);
  }

  /** @param typing false: they only send and read what is left */
  act(typing: boolean): void {
    const { chance } = this;
    for (const client of this.clients) {
      if (typing && chance.oneIn(2)) {
        if (client.settled && client.typed > 0 && chance.oneIn(6)) this.newSession(client);
        client.type(12);
      }
      if (this.attach(client)) client.sendInput(64);
    }
  }

  /** @returns whether it is attached, somewhere */
  attach(client: Client): boolean {
    const { chance, scheduler } = this;
    if (client.attached(scheduler.nowUs)) return true;
    const { vm } = client;
    const gateway = chance.oneOf(this.gateways);
    const replica = chance.oneIn(12) ? chance.oneOf([...vm.living]) : vm.primary;
    if (gateway?.running !== true || replica?.alive !== true) return false;
    client.attach(gateway, replica, scheduler.nowUs);
    return true;
  }

  endGateway(gateway: Process, chance: Chance): void {
    gateway.end();
    for (const connection of this.network.connectionsOf(gateway)) connection.abandon(connection.sideOf(gateway), false);
    this.gateways.splice(this.gateways.indexOf(gateway), 1);
    this.scheduler.after(chance.between(100, 5000), () => this.startGateway(gateway.host));
  }

  /** Types the byte that ends the guest, in a session of its own, until it ends. */
  powerOff(vm: SimulatedVm): void {
    const again = () => {
      if (vm.ended) return;
      const { primary } = vm;
      primary?.process.deliver(this, () =>
        primary.feed({
          kind: "deviceInput",
          inputSession: sessionId(POWER_OFF_SESSION),
          offset: 0n,
          content: Uint8Array.of(this.kind.powerOff),
        }),
      );
      this.scheduler.after(POWER_OFF_AGAIN_US, again);
    };
    again();
  }

  private startGateway(host: number): void {
    this.gateways.push(new Process(`gateway-${host}`, host, new MonotonicClock(this.scheduler, 0, 1_000_000)));
  }

  private newSession(client: Client): void {
    const next = (this.sessions.get(client.vm) ?? CLIENTS_OF_A_VM) + 1;
    if (next > this.kind.sessionsMax) return;
    this.sessions.set(client.vm, next);
    client.anew(next);
  }
}
