/** Everything that a user of the SDK may import. */
export type { AuditEntry, ListAuditOptions } from "./audit.ts";
export type { Schemas } from "./client.ts";
export type { Durability, WriteReceipt } from "./console-session.ts";
export type { AttachOptions, ConsoleChunk, ConsoleEvents, ConsoleGap, ConsoleHello, ConsoleTerm } from "./console-stream.ts";
export { ConsoleStream } from "./console-stream.ts";
export * from "./errors.ts";
export type { Resync, UnderstudyEvent, WatchOptions } from "./events.ts";
export type { AddImageOptions, Image, ImageAlias, ImageBytes, ImageContent, UploadOptions } from "./images.ts";
export type { OperationResource } from "./operation.ts";
export { Operation, PendingOperation } from "./operation.ts";
export type { ListOperationsOptions } from "./operations.ts";
export type { Page } from "./paged-list.ts";
export { PagedList } from "./paged-list.ts";
export { checkApiUrl, checkToken, DEFAULT_API_URL, DEFAULT_TOKEN_FILE } from "./settings.ts";
export type { CreateTokenOptions, Scope, Token } from "./tokens.ts";
export type { UnderstudyOptions } from "./understudy.ts";
export { Understudy } from "./understudy.ts";
export type {
  ConsoleInputAck,
  ConsoleOutput,
  ConsoleSessionResource,
  ConsoleTicket,
  ReadOutputOptions,
  TypeOptions,
} from "./vm-console.ts";
export { VmConsole } from "./vm-console.ts";
export type {
  CallOptions,
  CreateVmOptions,
  Failover,
  FailoverMode,
  ListVmsOptions,
  Replica,
  UpdateOptions,
  VmPatch,
  VmResource,
  WaitOptions,
  WaitTarget,
} from "./vms.ts";
export { Vm } from "./vms.ts";
export { PROTECTION_STATES, type ProtectionState, SCOPES, VM_STATES, type VmState } from "./words.ts";
export type { Worker, WorkerPatch } from "./workers.ts";
