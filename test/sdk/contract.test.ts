/** The SDK and the committed OpenAPI document say the same. */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { ApiError, ERROR_CLASSES, errorFromProblem, NotFoundError, UnavailableError, VmNotFoundError } from "../../src/sdk/errors.ts";
import { FAKE_OPERATIONS } from "../../src/sdk/testing/fake-operations.ts";
import { FAKE_ROUTES } from "../../src/sdk/testing/fake-routes.ts";

const document = JSON.parse(readFileSync(new URL("../../openapi/control-plane.json", import.meta.url), "utf8")) as {
  components: { schemas: { ErrorCode: { enum: string[] } } };
  paths: Record<string, Record<string, { operationId: string; security?: { bearer?: string[] }[] }>>;
};

describe("the contract", () => {
  it("is what generated.ts was made from", () => {
    const script = fileURLToPath(new URL("../../src/sdk/generate.mjs", import.meta.url));
    expect(() => execFileSync(process.execPath, [script, "--check"], { stdio: "pipe" })).not.toThrow();
  });

  it("has a class for every error code, and none besides", () => {
    expect(Object.keys(ERROR_CLASSES).sort()).toEqual([...document.components.schemas.ErrorCode.enum].sort());
  });

  it("is what the fake service goes by, in ids and scopes, and it has a route for each", () => {
    const described = Object.keys(FAKE_OPERATIONS).map((route) => {
      const [method = "", path = ""] = route.split(" ");
      const { operationId: id, security } = document.paths[path]?.[method.toLowerCase()] ?? { operationId: "none" };
      return [route, { id, scope: security?.[0]?.bearer?.[0] ?? null }];
    });
    expect(FAKE_OPERATIONS).toEqual(Object.fromEntries(described));
    expect(Object.keys(FAKE_ROUTES).sort()).toEqual(Object.keys(FAKE_OPERATIONS).sort());
  });

  it("has classes that are all different, named after their codes", () => {
    const classes = Object.values(ERROR_CLASSES);
    expect(new Set(classes).size).toBe(classes.length);
    expect(ERROR_CLASSES.vm_not_found).toBe(VmNotFoundError);
  });
});

describe("an error of the API", () => {
  const problem = {
    type: "/docs/errors#vm_not_found",
    title: "No such VM",
    status: 404,
    code: "vm_not_found",
    detail: 'No VM "x"',
    requestId: "req_1",
  };

  it("carries the code, the request's id and the whole problem", () => {
    const error = errorFromProblem(problem);
    expect(error).toBeInstanceOf(VmNotFoundError);
    expect(error).toBeInstanceOf(NotFoundError);
    expect(error).toMatchObject({
      name: "VmNotFoundError",
      code: "vm_not_found",
      requestId: "req_1",
      retryable: false,
      status: 404,
      problem,
      message: 'No VM "x"',
    });
  });

  it("of a code that this build does not know becomes the class of its status", () => {
    expect(errorFromProblem({ ...problem, code: "disk_not_found" })).toBeInstanceOf(NotFoundError);
    expect(errorFromProblem({ ...problem, status: 503, code: "no_luck" })).toBeInstanceOf(UnavailableError);
    expect(errorFromProblem({ ...problem, status: 418, code: "toString" })).toBeInstanceOf(ApiError);
  });
});
