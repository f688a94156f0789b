/**
 * Supervisor Binary Interface 2.0, answered by the machine itself where no firmware runs: BASE, TIME, IPI, RFENCE, HSM,
 * SRST, DBCN and the legacy console calls. Anything else is SBI_ERR_NOT_SUPPORTED, never a trap.
 */
import { IRQ_SSI, IRQ_STI } from "../isa/causes";
import { consoleRead, consoleWrite } from "./devices/console";
import { uartUpdate } from "./devices/uart";
import { HALT_PANIC, HALT_POWEROFF, HALT_REBOOT } from "./devices/finisher";
import { HALTED, MIP_SOFT, STIMECMP, WARM_REBOOT_IS_PANIC, X } from "./layout";
import { beforeWrite, hostAddress, isRam } from "./ram";

const SUCCESS: i64 = 0;
const ERR_NOT_SUPPORTED: i64 = -2;
const ERR_INVALID_PARAM: i64 = -3;
const ERR_ALREADY_AVAILABLE: i64 = -6;

const EXT_BASE: u64 = 0x10;
const EXT_TIME: u64 = 0x54494d45;
const EXT_IPI: u64 = 0x735049;
const EXT_RFENCE: u64 = 0x52464e43;
const EXT_HSM: u64 = 0x48534d;
const EXT_SRST: u64 = 0x53525354;
const EXT_DBCN: u64 = 0x4442434e;

const SPEC_VERSION: u64 = 0x0200_0000;
/** Not one of the registered implementations. */
const IMPLEMENTATION_ID: u64 = 0x5544;
const IMPLEMENTATION_VERSION: u64 = 1;
/** One console write call moves this much at most; the caller repeats. */
const DBCN_MAX: u64 = 4096;

let value: u64 = 0;

function a(index: u32): u64 {
  return load<u64>(X + ((10 + index) << 3));
}

/** Performs the call in the guest's a0..a7 and leaves error and value in a0 and a1. */
export function sbiCall(): void {
  const extension = a(7);
  value = 0;
  if (extension < 0x10) {
    // Legacy calls return in a0 alone.
    store<i64>(X + 80, legacy(extension));
    return;
  }
  const error = dispatch(extension, a(6));
  store<i64>(X + 80, error);
  store<u64>(X + 88, value);
}

function dispatch(extension: u64, call: u64): i64 {
  if (extension == EXT_BASE) return base(call);
  if (extension == EXT_TIME) return call == 0 ? setTimer(a(0)) : ERR_NOT_SUPPORTED;
  if (extension == EXT_IPI) return call == 0 ? sendIpi(a(0), a(1)) : ERR_NOT_SUPPORTED;
  if (extension == EXT_RFENCE) return remoteFence(call);
  if (extension == EXT_HSM) return hartState(call);
  if (extension == EXT_SRST) return call == 0 ? systemReset(a(0), a(1)) : ERR_NOT_SUPPORTED;
  if (extension == EXT_DBCN) return debugConsole(call);
  return ERR_NOT_SUPPORTED;
}

function base(call: u64): i64 {
  if (call == 0) value = SPEC_VERSION;
  else if (call == 1) value = IMPLEMENTATION_ID;
  else if (call == 2) value = IMPLEMENTATION_VERSION;
  else if (call == 3) {
    const probed = a(0);
    value = probed == EXT_BASE || probed == EXT_TIME || probed == EXT_IPI || probed == EXT_RFENCE || probed == EXT_HSM ||
      probed == EXT_SRST || probed == EXT_DBCN || probed <= 2 || probed == 8 ? 1 : 0;
  } else if (call > 6) return ERR_NOT_SUPPORTED;
  return SUCCESS;
}

function setTimer(time: u64): i64 {
  store<u64>(STIMECMP, time);
  store<u64>(MIP_SOFT, load<u64>(MIP_SOFT) & ~<u64>(1 << IRQ_STI));
  return SUCCESS;
}

/** Whether a hart mask names our one hart. */
function namesHart(mask: u64, maskBase: u64): bool {
  return maskBase == u64.MAX_VALUE || (maskBase == 0 && (mask & 1) != 0);
}

function maskIsLegal(mask: u64, maskBase: u64): bool {
  return maskBase == u64.MAX_VALUE || (maskBase == 0 && (mask & ~<u64>1) == 0) || mask == 0;
}

function sendIpi(mask: u64, maskBase: u64): i64 {
  if (!maskIsLegal(mask, maskBase)) return ERR_INVALID_PARAM;
  if (namesHart(mask, maskBase)) store<u64>(MIP_SOFT, load<u64>(MIP_SOFT) | (1 << IRQ_SSI));
  return SUCCESS;
}

function remoteFence(call: u64): i64 {
  if (call > 2) return ERR_NOT_SUPPORTED; // the others are for hypervisors in the guest
  // Caches of code and translations follow memory by themselves: there is nothing to fence.
  return maskIsLegal(a(0), a(1)) ? SUCCESS : ERR_INVALID_PARAM;
}

function hartState(call: u64): i64 {
  if (call == 0) return a(0) == 0 ? ERR_ALREADY_AVAILABLE : ERR_INVALID_PARAM;
  if (call == 2) return a(0) == 0 ? SUCCESS : ERR_INVALID_PARAM; // value 0: started
  return ERR_NOT_SUPPORTED;
}

const RESET_SHUTDOWN: u64 = 0;
const RESET_WARM_REBOOT: u64 = 2;
const REASON_SYSTEM_FAILURE: u64 = 1;

/**
 * A panic is what has the reason for it. Linux never gives one; but with `panic=-1 reboot=panic_warm` on its command line a
 * panic asks for a warm reboot, and a reboot that was wanted for a cold one, as it does by default.
 */
function systemReset(kind: u64, reason: u64): i64 {
  if (kind > RESET_WARM_REBOOT || reason > REASON_SYSTEM_FAILURE) return ERR_INVALID_PARAM;
  const panicked = reason == REASON_SYSTEM_FAILURE || (kind == RESET_WARM_REBOOT && load<u64>(WARM_REBOOT_IS_PANIC) != 0);
  store<u64>(HALTED, panicked ? HALT_PANIC : kind == RESET_SHUTDOWN ? HALT_POWEROFF : HALT_REBOOT);
  return SUCCESS;
}

function debugConsole(call: u64): i64 {
  if (call == 2) {
    consoleWrite(<u32>a(0) & 0xff);
    return SUCCESS;
  }
  if (call > 2) return ERR_NOT_SUPPORTED;
  const count = min(a(0), DBCN_MAX);
  const address = a(1);
  if (a(2) != 0 || !isRam(address, <u32>count)) return count == 0 ? SUCCESS : ERR_INVALID_PARAM;
  const host = hostAddress(address);
  for (let i: u32 = 0; i < <u32>count; i++) {
    if (call == 0) {
      consoleWrite(load<u8>(host + i));
    } else {
      const byte = consoleRead();
      if (byte < 0) break;
      beforeWrite(host + i, 1);
      store<u8>(host + i, <u8>byte);
    }
    value++;
  }
  if (call == 1) uartUpdate();
  return SUCCESS;
}

function legacy(call: u64): i64 {
  if (call == 0) return setTimer(a(0));
  if (call == 1) {
    consoleWrite(<u32>a(0) & 0xff);
    return 0;
  }
  if (call == 2) {
    const byte = consoleRead();
    uartUpdate();
    return byte;
  }
  if (call == 8) {
    store<u64>(HALTED, HALT_POWEROFF);
    return 0;
  }
  return ERR_NOT_SUPPORTED;
}
