/** The tokens of the fake service: the first one, which may do everything, and those that are made. */
import type { Schemas } from "../client.ts";
import { FakeProblem, invalid } from "./fake-problem.ts";

type Token = Schemas["Token"];

export class FakeTokens {
  /** By secret, the newest last. */
  private readonly bySecret = new Map<string, Token>();
  private readonly revoked: Token[] = [];

  constructor(
    secret: string,
    private readonly id: (prefix: string) => string,
  ) {
    this.add(secret, { name: "first", scopes: ["admin"] }, null);
  }

  /** Newest first. */
  get all(): readonly Token[] {
    return [...this.bySecret.values()].reverse();
  }

  /** @throws {FakeProblem} `unauthenticated`, `token_expired` */
  authenticate(secret: string): Token {
    const token = this.bySecret.get(secret);
    if (token === undefined)
      throw new FakeProblem(401, "unauthenticated", "Cannot accept the token: it is not one of the fake service, or was revoked");
    if (token.expiresAt !== null && Date.parse(token.expiresAt) <= Date.now())
      throw new FakeProblem(401, "token_expired", `Cannot accept the token "${token.name}": it expired at ${token.expiresAt}`);
    return token;
  }

  /** @throws {FakeProblem} `scope_missing` */
  require({ name, scopes }: Token, scope: Schemas["Scope"]): void {
    if (scopes.includes("admin") || scopes.includes(scope)) return;
    throw new FakeProblem(403, "scope_missing", `Cannot serve this with the token "${name}": it has not the scope ${scope}`, { scope });
  }

  /** @throws {FakeProblem} `validation_failed`, `scope_missing` for a scope that the maker has not */
  create(body: unknown, by: Token): Schemas["CreatedToken"] {
    const { name, scopes, ttlSeconds } = (body ?? {}) as Partial<Schemas["CreateTokenRequest"]>;
    if (typeof name !== "string" || name === "") throw invalid("/name", "it is missing");
    if (!Array.isArray(scopes) || scopes.length === 0) throw invalid("/scopes", "at least one is wanted");
    for (const scope of scopes) this.require(by, scope);
    const secret = `ust_${this.id("secret")}`;
    return { token: this.add(secret, { name, scopes, ...(ttlSeconds === undefined ? {} : { ttlSeconds }) }, by.id), secret };
  }

  /** A second time, too. @throws {FakeProblem} `token_not_found` */
  revoke(id: string): Token {
    for (const [secret, token] of this.bySecret) {
      if (token.id !== id) continue;
      this.bySecret.delete(secret);
      this.revoked.push(token);
    }
    const revoked = this.revoked.find((token) => token.id === id);
    if (revoked !== undefined) return revoked;
    throw new FakeProblem(404, "token_not_found", `Cannot find the token "${id}"`);
  }

  private add(secret: string, { name, scopes, ttlSeconds }: Schemas["CreateTokenRequest"], createdBy: string | null): Token {
    const now = Date.now();
    const token: Token = {
      ...{ id: this.id("tok"), name, scopes: [...scopes], createdAt: new Date(now).toISOString(), createdBy },
      expiresAt: ttlSeconds === undefined ? null : new Date(now + ttlSeconds * 1000).toISOString(),
    };
    this.bySecret.set(secret, token);
    return token;
  }
}
