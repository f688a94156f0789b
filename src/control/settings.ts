/** Times and sizes of the control plane. Tests shorten some of them. */
export interface ControlSettings {
  /** A worker whose channel has been closed, or silent, for so long is lost. */
  readonly workerLostMs: number;
  /** A VM with no replica that can be heard of for so long is failed. */
  readonly vmLostMs: number;
  /** After a start of the control plane, workers have so long to come back before they count as away. */
  readonly bootGraceMs: number;
  /** Between pings to a worker; three unanswered ones and it is silent. */
  readonly workerPingMs: number;
  readonly tickMs: number;
  /** The guest's first sign of life must come within this. */
  readonly startDeadlineMs: number;
  /** A VM that no worker has room for so long is failed. */
  readonly provisionDeadlineMs: number;
  /** A guest that is told to pause, or to go on, does so within this time, or the order is given up. */
  readonly pauseDeadlineMs: number;
  /** Before a VM is started again as its restart policy says, the first time; it doubles up to the second. */
  readonly restartBackoffMs: number;
  readonly restartBackoffMaxMs: number;
  /** A guest that ran for so long was none that fails at once. */
  readonly restartForgetMs: number;
  /** An order to a worker is repeated after this, while its report does not show the effect. */
  readonly repeatOrderMs: number;
  /** A fenced former primary has so long to say so before it is told to go. */
  readonly fencingGraceMs: number;
  /** Of replicas: how long a peer may be silent. */
  readonly heartbeatTimeoutMs: number;
  /** State transfers that a worker takes part in at once, at either end. */
  readonly transfersPerWorker: number;
  /** Virtual processors that a worker promises for each of its own: guests mostly wait. */
  readonly vcpusPerCore: number;
  /** Of VMs that do not say `spec.protection.maxLagMs`. */
  readonly maxLagMs: number;
  readonly eventBookmarkMs: number;
  readonly eventRetentionDays: number;
  readonly auditRetentionDays: number;
  /** Calls that were answered are written to the audit log together, after this at the latest. */
  readonly auditDelayMs: number;
  /** A call of a control plane that is gone, so long after it began, is completed without an answer. */
  readonly auditAbandonedMs: number;
  /** Of the project; null: as much as there is room for. */
  readonly quotaVms: number | null;
  readonly quotaMemoryMiB: number | null;
  readonly quotaImages: number | null;
  readonly quotaImageMiB: number | null;
  /** Calls with one token: so many at once, and so many a second after that. */
  readonly rateLimitBurst: number;
  readonly rateLimitPerSecond: number;
  /** The same verb on one VM. */
  readonly verbRateLimitBurst: number;
  readonly verbRateLimitPerSecond: number;
  readonly consoleWindowBytes: number;
  readonly consoleHeartbeatMs: number;
  readonly slowConsumerMs: number;
  /** Attachments to one VM's console that this control plane has at most. */
  readonly consoleSessionsMax: number;
  /** An input session that was not used for so long is not resumed. */
  readonly inputSessionTtlMs: number;
  readonly consoleTicketTtlMs: number;
  /** Of workers, and of this control plane's own. */
  readonly certificateTtlSeconds: number;
  /** Pages of these origins may attach to consoles, besides our own: `https://host[:port]`. */
  readonly allowedOrigins: readonly string[];
  /** An image that is uploaded, or fetched, has at most so much. */
  readonly imageMaxMiB: number;
  /** An image is fetched from its source within this time. */
  readonly imageFetchTimeoutMs: number;
  /** Where nothing of it came for so long, the source is asked again for what is missing. */
  readonly imageFetchIdleMs: number;
  /** Between two times that it is asked, at first. */
  readonly imageFetchRetryMs: number;
  /** An upload of which nothing came for so long is broken off. */
  readonly imageUploadIdleMs: number;
  /** How often it is looked for images that other control planes lack; also the first wait after one could not be given to them. */
  readonly imageShareMs: number;
  /** Where images are fetched from: `public` addresses, or `any`, those of this host and its networks too. */
  readonly imageSourceNetworks: "public" | "any";
}

export const DEFAULT_SETTINGS: ControlSettings = {
  workerLostMs: 2000,
  vmLostMs: 10_000,
  bootGraceMs: 10_000,
  workerPingMs: 500,
  tickMs: 250,
  startDeadlineMs: 60_000,
  provisionDeadlineMs: 600_000,
  pauseDeadlineMs: 60_000,
  restartBackoffMs: 1000,
  restartBackoffMaxMs: 60_000,
  restartForgetMs: 600_000,
  repeatOrderMs: 2000,
  fencingGraceMs: 15_000,
  heartbeatTimeoutMs: 300,
  transfersPerWorker: 4,
  vcpusPerCore: 64,
  maxLagMs: 2000,
  eventBookmarkMs: 15_000,
  eventRetentionDays: 30,
  auditRetentionDays: 30,
  auditDelayMs: 100,
  auditAbandonedMs: 90_000,
  quotaVms: null,
  quotaMemoryMiB: null,
  quotaImages: null,
  quotaImageMiB: null,
  rateLimitBurst: 5000,
  rateLimitPerSecond: 500,
  verbRateLimitBurst: 60,
  verbRateLimitPerSecond: 2,
  consoleWindowBytes: 256 * 1024,
  consoleHeartbeatMs: 15_000,
  slowConsumerMs: 30_000,
  consoleSessionsMax: 1000,
  inputSessionTtlMs: 24 * 60 * 60 * 1000,
  consoleTicketTtlMs: 60_000,
  certificateTtlSeconds: 24 * 60 * 60,
  allowedOrigins: [],
  imageMaxMiB: 1024,
  imageFetchTimeoutMs: 120_000,
  imageFetchIdleMs: 15_000,
  imageFetchRetryMs: 250,
  imageUploadIdleMs: 60_000,
  imageShareMs: 10_000,
  imageSourceNetworks: "public",
};
