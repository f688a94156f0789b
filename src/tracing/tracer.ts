/**
 * Spans as the rest of the project makes them. Who is traced by is told by `traceparent` alone: there is no current span that follows
 * the flow of control, because what belongs to one trace happens in several processes, and long after the call that asked for it.
 */

export type AttributeValue = string | number | boolean;
export type Attributes = Readonly<Record<string, AttributeValue | undefined>>;

/** What a span is to its parent, as OpenTelemetry has it. */
export type SpanKind = "internal" | "server" | "client" | "producer" | "consumer";

export interface SpanStart {
  readonly kind?: SpanKind;
  /** `traceparent` of the span that it is a child of; null: it is the root of a trace of its own. */
  readonly parent: string | null;
  /** `traceparent` of spans that have to do with it and are not its parent. */
  readonly links?: readonly string[];
  readonly attributes?: Attributes;
  /** Unix milliseconds; default: now. */
  readonly startMs?: number;
}

export interface SpanEnd {
  /** Code of what went wrong; default: nothing did. */
  readonly error?: string | undefined;
  /** Unix milliseconds; default: now. */
  readonly endMs?: number;
}

export interface Span {
  /** What makes others its children; null: it is not traced, and their parent is its own. */
  readonly traceparent: string | null;
  /** Undefined values are left out. */
  set(attributes: Attributes): void;
  event(name: string, attributes?: Attributes): void;
  /** Hands it over to be exported. One that is never ended never is. */
  end(end?: SpanEnd): void;
}

export interface Tracer {
  /** False: every span is the same, and costs nothing. */
  readonly enabled: boolean;
  start(name: string, start: SpanStart): Span;
  /** Exports what has ended, for a bounded time. */
  close(): Promise<void>;
}

const NO_SPAN: Span = { traceparent: null, set: () => {}, event: () => {}, end: () => {} };

/** Where no endpoint is configured. */
export const NO_TRACER: Tracer = { enabled: false, start: () => NO_SPAN, close: () => Promise.resolve() };
