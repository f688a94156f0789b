/**
 * Spans over OTLP/HTTP: OpenTelemetry's library behind `Tracer`. It is loaded when an endpoint is configured, and not before.
 *
 *     Span.end --> queue (2,048 spans, what comes then is dropped) --every 5 s, or 512--> exporter (10 s, with its retries) --> receiver
 *
 * A receiver that is away, slow, or says no costs its spans and one line of the log; nobody waits for it but `close`, and that not for long.
 */
import type { Context, HrTime, Span as LibrarySpan, Tracer as LibraryTracer, Link, SpanContext } from "@opentelemetry/api";
import type { BasicTracerProvider, ReadableSpan, SpanExporter } from "@opentelemetry/sdk-trace-base";
import type { TracingSettings } from "./settings.ts";
import { isSampled, spanIdOf, traceIdOf } from "./trace-context.ts";
import { type Attributes, type AttributeValue, NO_TRACER, type Span, type SpanEnd, type SpanStart, type Tracer } from "./tracer.ts";

/** What is not exported within this when the process ends is lost. */
const CLOSE_LIMIT_MS = 3000;

/** `ExportResultCode.SUCCESS` */
const EXPORTED = 0;

export interface TracingLog {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
}

/** What every span of this process says; OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES go over it. */
export interface TracedService {
  readonly name: string;
  readonly version: string;
  /** By the names of OpenTelemetry's semantic conventions. */
  readonly attributes?: Attributes;
}

type Api = typeof import("@opentelemetry/api");

/** @returns `NO_TRACER` where no endpoint is configured */
export async function openTracer(settings: TracingSettings, service: TracedService, log: TracingLog): Promise<Tracer> {
  const { endpoint, variables } = settings;
  if (endpoint === null) return NO_TRACER;
  // What flags and the file say is where the library looks.
  Object.assign(process.env, variables);
  const [api, { BasicTracerProvider, BatchSpanProcessor }, { OTLPTraceExporter }, resources] = await Promise.all([
    import("@opentelemetry/api"),
    import("@opentelemetry/sdk-trace-base"),
    import("@opentelemetry/exporter-trace-otlp-http"),
    import("@opentelemetry/resources"),
  ]);
  const own = { "service.name": service.name, "service.version": service.version, ...service.attributes };
  const resource = resources
    .defaultResource()
    .merge(resources.resourceFromAttributes(definedOf(own)))
    .merge(resources.detectResources({ detectors: [resources.envDetector] }));
  const exporter = new WatchedExporter(new OTLPTraceExporter(), new URL(endpoint).host, log);
  const provider = new BasicTracerProvider({ resource, spanProcessors: [new BatchSpanProcessor(exporter)] });
  return new OtlpTracer(api, provider, provider.getTracer("understudy", service.version));
}

class OtlpTracer implements Tracer {
  readonly enabled = true;
  private readonly api: Api;
  private readonly provider: BasicTracerProvider;
  private readonly tracer: LibraryTracer;
  private closing: Promise<void> | null = null;

  constructor(api: Api, provider: BasicTracerProvider, tracer: LibraryTracer) {
    this.api = api;
    this.provider = provider;
    this.tracer = tracer;
  }

  start(name: string, { kind = "internal", parent, links = [], attributes = {}, startMs }: SpanStart): Span {
    const { SpanKind, SpanStatusCode } = this.api;
    const kinds = {
      internal: SpanKind.INTERNAL,
      server: SpanKind.SERVER,
      client: SpanKind.CLIENT,
      producer: SpanKind.PRODUCER,
      consumer: SpanKind.CONSUMER,
    };
    const options = {
      kind: kinds[kind],
      attributes: definedOf(attributes),
      links: links.map((link): Link => ({ context: contextOf(link) })),
      ...(startMs === undefined ? {} : { startTime: hrTime(startMs) }),
    };
    return new OtlpSpan(this.tracer.startSpan(name, options, this.contextUnder(parent)), SpanStatusCode.ERROR);
  }

  close(): Promise<void> {
    this.closing ??= this.flush();
    return this.closing;
  }

  private async flush(): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const limit = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, CLOSE_LIMIT_MS);
    });
    // What could not be exported was said when it was tried.
    await Promise.race([this.provider.shutdown().catch(() => {}), limit]);
    clearTimeout(timer);
  }

  private contextUnder(parent: string | null): Context {
    const { ROOT_CONTEXT, trace } = this.api;
    return parent === null ? ROOT_CONTEXT : trace.setSpanContext(ROOT_CONTEXT, contextOf(parent));
  }
}

class OtlpSpan implements Span {
  readonly traceparent: string;
  private readonly span: LibrarySpan;
  private readonly errorStatus: number;

  constructor(span: LibrarySpan, errorStatus: number) {
    this.span = span;
    this.errorStatus = errorStatus;
    const { traceId, spanId, traceFlags } = span.spanContext();
    this.traceparent = `00-${traceId}-${spanId}-0${traceFlags & 1}`;
  }

  set(attributes: Attributes): void {
    this.span.setAttributes(definedOf(attributes));
  }

  event(name: string, attributes: Attributes = {}): void {
    this.span.addEvent(name, definedOf(attributes));
  }

  end({ error, endMs }: SpanEnd = {}): void {
    if (error !== undefined) {
      this.span.setAttribute("error.type", error);
      this.span.setStatus({ code: this.errorStatus });
    }
    this.span.end(endMs === undefined ? undefined : hrTime(endMs));
  }
}

/** Says once that spans do not arrive, and once that they do again. */
class WatchedExporter implements SpanExporter {
  private readonly exporter: SpanExporter;
  private readonly receiver: string;
  private readonly log: TracingLog;
  private failing = false;

  constructor(exporter: SpanExporter, receiver: string, log: TracingLog) {
    this.exporter = exporter;
    this.receiver = receiver;
    this.log = log;
  }

  export(spans: ReadableSpan[], done: Parameters<SpanExporter["export"]>[1]): void {
    this.exporter.export(spans, (result) => {
      const failed = result.code !== EXPORTED;
      const { receiver } = this;
      if (failed && !this.failing) {
        const why = result.error?.message ?? "no reason is known";
        this.log.warn(
          { code: "traces_not_exported", receiver, err: result.error },
          `spans are lost: ${receiver} does not take them (${why}); this is not said again until it does`,
        );
      } else if (!failed && this.failing) this.log.info({ receiver }, `spans are exported to ${receiver} again`);
      this.failing = failed;
      done(result);
    });
  }

  async shutdown(): Promise<void> {
    await this.exporter.shutdown();
  }
}

function contextOf(traceparent: string): SpanContext {
  const traceFlags = isSampled(traceparent) ? 1 : 0;
  return { traceId: traceIdOf(traceparent), spanId: spanIdOf(traceparent), traceFlags, isRemote: true };
}

/** A plain number would be taken for a time since the process's start where it is before that. */
function hrTime(unixMs: number): HrTime {
  const seconds = Math.floor(unixMs / 1000);
  return [seconds, Math.round((unixMs - seconds * 1000) * 1e6)];
}

function definedOf(attributes: Attributes): Record<string, AttributeValue> {
  const defined: Record<string, AttributeValue> = {};
  for (const [name, value] of Object.entries(attributes)) if (value !== undefined) defined[name] = value;
  return defined;
}
