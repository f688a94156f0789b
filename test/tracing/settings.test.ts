/** OpenTelemetry's variables: when there is tracing, where it goes, and what of it is printed. */
import { describe, expect, test } from "vitest";
import { maskedTracing, readTracingSettings } from "../../src/tracing/settings.ts";

describe("an endpoint", () => {
  test.each([
    ["of all signals", { OTEL_EXPORTER_OTLP_ENDPOINT: "http://collector:4318" }, "http://collector:4318/v1/traces"],
    ["of all signals, with a path", { OTEL_EXPORTER_OTLP_ENDPOINT: "https://c.example/otlp/" }, "https://c.example/otlp/v1/traces"],
    [
      "of traces goes over it, as it is",
      { OTEL_EXPORTER_OTLP_ENDPOINT: "http://a:1", OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: "http://b:2/spans" },
      "http://b:2/spans",
    ],
    ["is not there", { OTEL_SERVICE_NAME: "a", OTEL_EXPORTER_OTLP_HEADERS: "a=b" }, null],
    ["is empty", { OTEL_EXPORTER_OTLP_ENDPOINT: "" }, null],
    ["is there, and the SDK is disabled", { OTEL_EXPORTER_OTLP_ENDPOINT: "http://a:1", OTEL_SDK_DISABLED: "True" }, null],
    ["is there, and traces are not wanted", { OTEL_EXPORTER_OTLP_ENDPOINT: "http://a:1", OTEL_TRACES_EXPORTER: "none" }, null],
  ])("%s", (_what, told, endpoint) => {
    expect(readTracingSettings(told).endpoint).toBe(endpoint);
  });

  test.each([
    [{ OTEL_EXPORTER_OTLP_ENDPOINT: "collector:4318" }, /OTEL_EXPORTER_OTLP_ENDPOINT: it is "collector:4318", wanted is a URL/],
    [{ OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: "nowhere" }, /OTEL_EXPORTER_OTLP_TRACES_ENDPOINT/],
    [{ OTEL_EXPORTER_OTLP_ENDPOINT: "http://a:4317", OTEL_EXPORTER_OTLP_PROTOCOL: "grpc" }, /OTEL_EXPORTER_OTLP_PROTOCOL: it is "grpc"/],
  ])("that cannot be used is refused in words: %j", (told, says) => {
    expect(() => readTracingSettings(told)).toThrow(says);
  });
});

test("what is printed has neither the headers nor a password", () => {
  const told = {
    OTEL_EXPORTER_OTLP_ENDPOINT: "http://me:secret_1@collector:4318",
    OTEL_EXPORTER_OTLP_HEADERS: "authorization=Bearer secret_2",
    OTEL_EXPORTER_OTLP_TRACES_HEADERS: "x-key=secret_3",
    OTEL_SERVICE_NAME: "vms",
    UNDERSTUDY_TOKEN: "secret_4",
  };
  const printed = maskedTracing(readTracingSettings(told));
  expect(JSON.stringify(printed)).not.toContain("secret_");
  expect(printed).toEqual({
    endpoint: "http://me:***@collector:4318/v1/traces",
    OTEL_SERVICE_NAME: "vms",
    OTEL_EXPORTER_OTLP_HEADERS: "***",
    OTEL_EXPORTER_OTLP_TRACES_HEADERS: "***",
  });
  expect(maskedTracing(readTracingSettings({}))).toBeNull();
});
