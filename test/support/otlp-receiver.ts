/** A receiver of OTLP/HTTP for tests: takes spans as JSON, keeps them decoded, and fails as it is told. */
import { EventEmitter, once } from "node:events";
import { createServer, type IncomingHttpHeaders, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export interface ReceivedSpan {
  readonly name: string;
  readonly traceId: string;
  readonly spanId: string;
  /** Null: a root. */
  readonly parentSpanId: string | null;
  readonly kind: "internal" | "server" | "client" | "producer" | "consumer";
  readonly startMs: number;
  readonly endMs: number;
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly events: readonly string[];
  readonly links: readonly { readonly traceId: string; readonly spanId: string }[];
  readonly failed: boolean;
  readonly resource: Readonly<Record<string, unknown>>;
}

interface Attribute {
  readonly key: string;
  readonly value: Readonly<Record<string, unknown>>;
}

interface EncodedSpan {
  readonly name: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly kind: number;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly attributes: readonly Attribute[];
  readonly events: readonly { readonly name: string }[];
  readonly links: readonly { readonly traceId: string; readonly spanId: string }[];
  readonly status: { readonly code: number };
}

interface ExportRequest {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: readonly Attribute[] };
    readonly scopeSpans: readonly { readonly spans: readonly EncodedSpan[] }[];
  }[];
}

const KINDS = ["internal", "internal", "server", "client", "producer", "consumer"] as const;
const ERROR = 2;

export class OtlpReceiver extends EventEmitter {
  readonly spans: ReceivedSpan[] = [];
  /** One for each export that arrived, whatever came of it. */
  readonly requests: { readonly path: string; readonly headers: IncomingHttpHeaders }[] = [];
  /** `silent`: takes the export and never answers. */
  mode: "takes" | "refuses" | "silent" = "takes";
  private readonly silenced: ServerResponse[] = [];
  private readonly server: Server;

  private constructor() {
    super();
    this.server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on("data", (chunk: Buffer) => chunks.push(chunk));
      request.on("end", () => {
        this.requests.push({ path: request.url ?? "", headers: request.headers });
        if (this.mode === "takes") this.take(JSON.parse(Buffer.concat(chunks).toString()) as ExportRequest);
        if (this.mode === "silent") this.silenced.push(response);
        else response.writeHead(this.mode === "takes" ? 200 : 500, { "content-type": "application/json" }).end("{}");
        this.emit("request");
      });
    });
  }

  static async start(): Promise<OtlpReceiver> {
    const receiver = new OtlpReceiver();
    receiver.server.listen(0, "127.0.0.1");
    await once(receiver.server, "listening");
    return receiver;
  }

  /** Base URL: what OTEL_EXPORTER_OTLP_ENDPOINT wants. */
  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  /** Resolves with what `look` finds, looked for whenever spans come. */
  async until<T>(look: (receiver: OtlpReceiver) => T | undefined | false | null): Promise<T> {
    for (;;) {
      const found = look(this);
      if (found !== undefined && found !== false && found !== null) return found;
      await once(this, "request");
    }
  }

  span(name: string, matches: (span: ReceivedSpan) => boolean = () => true): Promise<ReceivedSpan> {
    return this.until(({ spans }) => spans.find((span) => span.name === name && matches(span)));
  }

  async close(): Promise<void> {
    for (const response of this.silenced) response.destroy();
    this.server.close();
    this.server.closeAllConnections();
    await once(this.server, "close");
  }

  private take({ resourceSpans }: ExportRequest): void {
    for (const { resource, scopeSpans } of resourceSpans) {
      for (const span of scopeSpans.flatMap(({ spans }) => spans)) this.spans.push(decode(span, valuesOf(resource.attributes)));
    }
  }
}

function decode(span: EncodedSpan, resource: Readonly<Record<string, unknown>>): ReceivedSpan {
  const { name, traceId, spanId, parentSpanId } = span;
  return {
    name,
    traceId,
    spanId,
    parentSpanId: parentSpanId || null,
    kind: KINDS[span.kind] ?? "internal",
    startMs: Number(span.startTimeUnixNano) / 1e6,
    endMs: Number(span.endTimeUnixNano) / 1e6,
    attributes: valuesOf(span.attributes),
    events: span.events.map((event) => event.name),
    links: span.links.map((link) => ({ traceId: link.traceId, spanId: link.spanId })),
    failed: span.status.code === ERROR,
    resource,
  };
}

function valuesOf(attributes: readonly Attribute[]): Record<string, unknown> {
  return Object.fromEntries(attributes.map(({ key, value }) => [key, Object.values(value)[0]]));
}
