/** The guest images that VMs can be created from. */
import type { RawClient, Schemas } from "./client.ts";
import { unwrap } from "./client.ts";
import { errorFromAnswer } from "./errors.ts";
import { PagedList } from "./paged-list.ts";
import { EXTRA_TIMEOUT_HEADER, STREAM_HEADER, type Transport } from "./transport.ts";

export type Image = Schemas["Image"];
export type ImageAlias = Schemas["ImageAlias"];

/** An image's archive: what there is, or a function that opens it anew for each attempt. A browser sends no stream over HTTP/1.1. */
export type ImageBytes = Uint8Array<ArrayBuffer> | Blob | (() => ReadableStream<Uint8Array>);

export interface AddImageOptions {
  /** Instead of the name in the archive: by that it is another image. */
  readonly name?: string;
  readonly idempotencyKey?: string;
  /** For one attempt. Default 10 minutes. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

export interface UploadOptions extends AddImageOptions {
  /** `sha256:<hex>` of the archive, which the service checks. Default: made here, but of what a function opens. */
  readonly digest?: string;
}

export interface ImageContent {
  readonly stream: ReadableStream<Uint8Array>;
  /** Of the stream. */
  readonly sizeBytes: number;
  /** `sha256:<hex>` of the whole archive, also where the stream is a part of it. */
  readonly digest: string;
}

const ADD_TIMEOUT_MS = 600_000;
const PATH = "/v1/images";

export class Images {
  constructor(
    private readonly raw: RawClient,
    private readonly transport: Transport,
  ) {}

  /**
   * Has the service keep an image. The same image twice is one.
   *
   * @throws {DigestMismatchError} where other bytes arrived; {PayloadTooLargeError, UnsupportedMachineError, ValidationFailedError}
   */
  async upload(bytes: ImageBytes, options: UploadOptions = {}): Promise<Image> {
    const { name, idempotencyKey, timeoutMs = ADD_TIMEOUT_MS, signal } = options;
    const digest = options.digest ?? (typeof bytes === "function" ? null : await digestOf(bytes));
    const request = new Request(`${this.transport.url}${PATH}${name === undefined ? "" : `?name=${encodeURIComponent(name)}`}`, {
      method: "POST",
      headers: {
        "content-type": "application/x-tar",
        [EXTRA_TIMEOUT_HEADER]: String(timeoutMs),
        ...(digest === null ? {} : { "repr-digest": `sha-256=:${base64Of(digest)}:` }),
        ...(idempotencyKey === undefined ? {} : { "idempotency-key": idempotencyKey }),
      },
      ...(signal === undefined ? {} : { signal }),
    });
    const answer = await this.transport.send(request, typeof bytes === "function" ? bytes : () => bytes);
    if (!answer.ok) throw await errorOf(PATH, answer);
    return (await answer.json()) as Image;
  }

  /**
   * Has the service fetch an image itself.
   *
   * @param source `digest` is `sha256:<hex>` of the archive
   * @throws {ValidationFailedError} where the service cannot, or may not, get it from there; as `upload`
   */
  async fetch(source: Schemas["ImageSourceRequest"]["source"], options: AddImageOptions = {}): Promise<Image> {
    const { name, idempotencyKey, timeoutMs = ADD_TIMEOUT_MS, signal } = options;
    const header = idempotencyKey === undefined ? {} : { "idempotency-key": idempotencyKey };
    return unwrap(
      await this.raw.POST(PATH, {
        params: { query: name === undefined ? {} : { name }, header },
        headers: { [EXTRA_TIMEOUT_HEADER]: String(timeoutMs) },
        body: { source },
        ...(signal === undefined ? {} : { signal }),
      }),
    );
  }

  /**
   * An image's archive, as a stream: `upload` takes it.
   *
   * @param range of bytes, from `start` up to and without `end`
   */
  async content(
    image: string,
    range: { readonly start?: number; readonly end?: number } = {},
    call: { readonly signal?: AbortSignal } = {},
  ): Promise<ImageContent> {
    const path = `${PATH}/${encodeURIComponent(image)}/content`;
    const { start = 0, end } = range;
    const whole = start === 0 && end === undefined;
    const answer = await this.transport.send(
      new Request(`${this.transport.url}${path}`, {
        headers: { [STREAM_HEADER]: "1", ...(whole ? {} : { range: `bytes=${start}-${end === undefined ? "" : end - 1}` }) },
        ...call,
      }),
    );
    if (!answer.ok) throw await errorOf(path, answer);
    const [, digest = ""] = /sha-256=:([^:]*):/.exec(answer.headers.get("repr-digest") ?? "") ?? [];
    return {
      stream: answer.body as ReadableStream<Uint8Array>,
      sizeBytes: Number(answer.headers.get("content-length")),
      digest: `sha256:${hexOf(Uint8Array.from(atob(digest), (character) => character.charCodeAt(0)))}`,
    };
  }

  /** Newest first. */
  list(options: { readonly pageSize?: number; readonly signal?: AbortSignal } = {}): PagedList<Image> {
    const { signal, ...rest } = options;
    return new PagedList(async (pageToken) => {
      const query = { ...rest, ...(pageToken === null ? {} : { pageToken }) };
      return unwrap(await this.raw.GET("/v1/images", { params: { query }, ...(signal === undefined ? {} : { signal }) }));
    });
  }

  /** @param image id, alias, name, or name@sha256:… */
  async get(image: string, call: { readonly signal?: AbortSignal } = {}): Promise<Image> {
    return unwrap(await this.raw.GET("/v1/images/{image}", { params: { path: { image } }, ...call }));
  }

  /** @throws {ImageInUseError} while a VM is made from it, or an alias names it */
  async delete(image: string, call: { readonly signal?: AbortSignal } = {}): Promise<Image> {
    return unwrap(await this.raw.DELETE("/v1/images/{image}", { params: { path: { image } }, ...call }));
  }

  /**
   * Has a name stand for an image, moved from wherever it is now.
   *
   * @throws {EtagMismatchError} where somebody else moves it meanwhile
   */
  async tag(name: string, image: string, call: { readonly signal?: AbortSignal } = {}): Promise<ImageAlias> {
    const header = await this.seen(name, call);
    return unwrap(await this.raw.PUT("/v1/image-aliases/{name}", { params: { path: { name }, header }, body: { image }, ...call }));
  }

  /** Takes an alias away; its image stays. */
  async untag(name: string, call: { readonly signal?: AbortSignal } = {}): Promise<ImageAlias> {
    const header = await this.seen(name, call);
    return unwrap(await this.raw.DELETE("/v1/image-aliases/{name}", { params: { path: { name }, header }, ...call }));
  }

  /** Where the alias is now, as the service wants to be told. */
  private async seen(name: string, call: { readonly signal?: AbortSignal }): Promise<{ readonly "if-match"?: string }> {
    const { response } = await this.raw.GET("/v1/image-aliases/{name}", { params: { path: { name } }, ...call });
    const etag = response.headers.get("etag");
    return response.ok && etag !== null ? { "if-match": etag } : {};
  }
}

async function errorOf(path: string, answer: Response): Promise<Error> {
  return errorFromAnswer(path, answer.status, await answer.text(), answer.headers.get("request-id"));
}

/** Null where the runtime makes no digests: a browser does on pages that came over TLS alone. */
async function digestOf(bytes: Uint8Array<ArrayBuffer> | Blob): Promise<string | null> {
  if (globalThis.crypto?.subtle === undefined) return null;
  const digest = await crypto.subtle.digest("SHA-256", bytes instanceof Blob ? await bytes.arrayBuffer() : bytes);
  return `sha256:${hexOf(new Uint8Array(digest))}`;
}

function hexOf(bytes: Uint8Array): string {
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

function base64Of(digest: string): string {
  const hex = digest.slice("sha256:".length);
  return btoa((hex.match(/../g) ?? []).map((pair) => String.fromCharCode(Number.parseInt(pair, 16))).join(""));
}
