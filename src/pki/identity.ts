/**
 * Who a certificate is for: one URI in its subject alternative name, as SPIFFE has it (X.509-SVID), and nothing besides.
 *
 *     spiffe://understudy/control-plane           every control plane of the installation
 *     spiffe://understudy/worker/wrk_01J…         the worker of that id
 *
 * Host names are in no certificate: a process is who the installation's authority says it is, at whatever address it is met.
 */
export const CONTROL_PLANE_IDENTITY = "spiffe://understudy/control-plane";

const WORKER_PREFIX = "spiffe://understudy/worker/";

export function workerIdentity(workerId: string): string {
  return `${WORKER_PREFIX}${workerId}`;
}

/** @returns null for an identity that is not a worker's */
export function workerIdOf(identity: string): string | null {
  return identity.startsWith(WORKER_PREFIX) ? identity.slice(WORKER_PREFIX.length) : null;
}

/**
 * @param subjectAltName as Node writes it; what could be read as two names is quoted there, and is none of ours
 * @returns null for a certificate that is not of this installation's kind
 */
export function identityOf(subjectAltName: string | undefined): string | null {
  return /^URI:(spiffe:\/\/understudy\/(?:control-plane|worker\/[A-Za-z0-9_]+))$/.exec(subjectAltName ?? "")?.[1] ?? null;
}
