/** How a command ends: its exit code, and a message that says what to do next. */
import { CommanderError } from "commander";
import {
  ApiError,
  AuthenticationError,
  ClientError,
  ConfigurationError,
  ConflictError,
  ConnectionError,
  DEFAULT_TOKEN_FILE,
  GoneError,
  NotFoundError,
  PermissionError,
  PreconditionError,
  TimeoutError,
  UnderstudyError,
} from "../sdk/index.ts";

const ExitCode = { Ok: 0, Error: 1, Usage: 2, NotFound: 3, Conflict: 4, Timeout: 5, Auth: 6 } as const;
type ExitCode = (typeof ExitCode)[keyof typeof ExitCode];

export interface Ending {
  /** One of `ExitCode`, or the code of a program that ran here. */
  readonly code: number;
  /** Null: everything was said already. */
  readonly message: string | null;
}

/** A command line that cannot mean anything. */
export class UsageError extends UnderstudyError {
  constructor(message: string) {
    super("usage", message);
  }
}

/** A program that ran in this process ended, and how: its code is ours. */
export class ProgramEnding extends Error {
  readonly code: number;

  constructor(code: number, message: string) {
    super(message);
    this.name = "ProgramEnding";
    this.code = code;
  }
}

export function endingOf(error: unknown): Ending {
  if (error instanceof CommanderError) return { code: error.exitCode === 0 ? ExitCode.Ok : ExitCode.Usage, message: null };
  if (error instanceof ProgramEnding) return { code: error.code, message: `understudy: ${error.message}` };
  if (!(error instanceof UnderstudyError)) {
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    return { code: ExitCode.Error, message: `understudy: ${text}` };
  }
  const lines = [`understudy: ${error.message}`];
  if (error instanceof ApiError) {
    for (const { pointer, message } of error.problem?.errors ?? []) lines.push(`  ${pointer}: ${message}`);
  }
  const hint = hintFor(error);
  if (hint !== null) lines.push(`  ${hint}`);
  if (error instanceof ClientError && error.requestId !== null) lines.push(`  request ${error.requestId}`);
  return { code: exitCodeOf(error), message: lines.join("\n") };
}

function exitCodeOf(error: UnderstudyError): ExitCode {
  if (error instanceof UsageError || error instanceof ConfigurationError) return ExitCode.Usage;
  if (error instanceof NotFoundError || error instanceof GoneError) return ExitCode.NotFound;
  if (error instanceof ConflictError || error instanceof PreconditionError) return ExitCode.Conflict;
  if (error instanceof TimeoutError) return ExitCode.Timeout;
  if (error instanceof AuthenticationError || error instanceof PermissionError) return ExitCode.Auth;
  return ExitCode.Error;
}

function hintFor(error: UnderstudyError): string | null {
  if (error instanceof ConnectionError)
    return "Is the service running? Start one with: npm start. Or name another: --url URL, UNDERSTUDY_API_URL";
  if (error instanceof AuthenticationError && error.code !== "token_expired") {
    return (
      "Give the token of the service: --token-file FILE, UNDERSTUDY_TOKEN_FILE or UNDERSTUDY_TOKEN; npm start says where it is. " +
      `Without these, and a context's, it is looked for in ${DEFAULT_TOKEN_FILE} of this folder`
    );
  }
  switch (error.code) {
    case "vm_not_found":
    case "vm_deleted":
      return "See which there are: understudy vm ls";
    case "image_not_found":
      return "See which there are: understudy image ls. Get the default one: understudy image pull debian";
    case "worker_not_found":
      return "See which there are: understudy worker ls";
    case "token_not_found":
      return "See which there are: understudy token ls";
    case "scope_missing":
      return "See what the token may do: understudy whoami. Make another one: understudy token create NAME --scope SCOPE";
    case "operation_not_found":
      return "See which there are: understudy op ls";
    case "worker_not_drained":
      return "Move its replicas off first: understudy worker drain NAME. Or, if its process is dead: understudy worker fence NAME";
    case "deletion_protected":
      return "If it shall go, take its protection off first: understudy vm update NAME --deletion-protection off";
    case "name_taken":
      return "Choose another name, or delete the VM that has it: understudy vm rm NAME";
    case "not_protected":
      return "Wait for a backup: understudy vm wait NAME --for protected";
    case "console_writer_busy":
      return "Watch with --read-only, or take the right to write with --takeover";
    case "wait_timeout":
      return "Wait longer with --timeout SECONDS";
    default:
      return null;
  }
}
