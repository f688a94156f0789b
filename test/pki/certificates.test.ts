/** What an authority certifies and what not, whom a certificate is for, and how a join token proves an authority. */
import { generateKeyPairSync, X509Certificate } from "node:crypto";
import { describe, expect, test } from "vitest";
import { isLoopback, readTlsMode, speaksTls } from "../../src/base/tls-mode.ts";
import { CertificateAuthority, createAuthority } from "../../src/pki/certificate-authority.ts";
import { CONTROL_PLANE_IDENTITY, identityOf, workerIdentity, workerIdOf } from "../../src/pki/identity.ts";
import { JoinSecret, newNonce } from "../../src/pki/join-secret.ts";
import { renewalDelayMs, renewalRetryMs } from "../../src/pki/renewal.ts";
import { createSigningRequest } from "../../src/pki/signing-request.ts";
import { HOUR_MS, newAuthority } from "./authority.ts";

const leaf = { identity: workerIdentity("wrk_1"), ttlMs: HOUR_MS, nowMs: Date.now(), use: "peer" } as const;

describe("a certificate authority", () => {
  test("certifies the key of a request for the one identity that it is told, for as long as it is told", async () => {
    const authority = await newAuthority();
    const { request, privateKey } = await createSigningRequest("someone-else");
    const pem = await authority.certify(request, leaf);
    const certificate = new X509Certificate(pem);
    const issuer = new X509Certificate(authority.certificate);
    expect(certificate.verify(issuer.publicKey)).toBe(true);
    expect(certificate.checkIssued(issuer)).toBe(true);
    expect(certificate.ca).toBe(false);
    expect(identityOf(certificate.subjectAltName)).toBe("spiffe://understudy/worker/wrk_1");
    expect(certificate.subject).toBe("CN=wrk_1");
    expect(Date.parse(certificate.validTo)).toBe(Math.floor((leaf.nowMs + HOUR_MS) / 1000) * 1000);
    expect(Date.parse(certificate.validFrom)).toBeLessThan(leaf.nowMs - 4 * 60_000);
    expect(certificate.keyUsage).toEqual(["1.3.6.1.5.5.7.3.1", "1.3.6.1.5.5.7.3.2"]);
    expect(certificate.checkPrivateKey((await import("node:crypto")).createPrivateKey(privateKey))).toBe(true);
    const server = new X509Certificate(await authority.certify(request, { ...leaf, identity: CONTROL_PLANE_IDENTITY, use: "server" }));
    expect(server.keyUsage).toEqual(["1.3.6.1.5.5.7.3.1"]);
    expect(server.serialNumber).not.toBe(certificate.serialNumber);
  });

  test("certifies no request that is not signed by its own key, or is none at all", async () => {
    const authority = await newAuthority();
    const { request } = await createSigningRequest("worker-1");
    const der = Buffer.from(request.replace(/-----[^-]+-----/g, ""), "base64");
    der[der.length - 1] = (der.at(-1) as number) ^ 1;
    const tampered = `-----BEGIN CERTIFICATE REQUEST-----\n${der.toString("base64")}\n-----END CERTIFICATE REQUEST-----\n`;
    for (const wrong of [
      tampered,
      "",
      "-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n",
      authority.certificate,
    ])
      await expect(authority.certify(wrong, leaf)).rejects.toMatchObject({ code: "bad_signing_request" });
  });

  test("is not made of a certificate and a key that do not belong together, nor of a leaf", async () => {
    const [one, other] = [await createAuthority(Date.now()), await createAuthority(Date.now())];
    const open = (certificate: string, privateKey: string) => CertificateAuthority.open({ certificate, privateKey });
    await expect(open(one.certificate, other.privateKey)).rejects.toThrow(/the private key is not its certificate's/);
    await expect(open("nothing", one.privateKey)).rejects.toMatchObject({ code: "bad_certificate_authority" });
    const authority = await open(one.certificate, one.privateKey);
    const { key, cert } = await authority.credentialsFor(leaf);
    await expect(open(cert, key)).rejects.toThrow(/not one of an authority/);
    const ed25519 = generateKeyPairSync("ed25519").privateKey.export({ type: "pkcs8", format: "pem" }) as string;
    await expect(open(one.certificate, ed25519)).rejects.toMatchObject({ code: "bad_certificate_authority" });
  });
});

describe("an identity", () => {
  test("is the one name in a certificate, and nothing that looks like it", () => {
    expect(identityOf("URI:spiffe://understudy/worker/wrk_01ABC")).toBe(workerIdentity("wrk_01ABC"));
    expect(identityOf("URI:spiffe://understudy/control-plane")).toBe(CONTROL_PLANE_IDENTITY);
    expect(workerIdOf(workerIdentity("wrk_1"))).toBe("wrk_1");
    expect(workerIdOf(CONTROL_PLANE_IDENTITY)).toBe(null);
    for (const other of [
      undefined,
      "",
      "DNS:worker-1",
      "DNS:x, URI:spiffe://understudy/worker/wrk_1",
      "URI:spiffe://understudy/worker/wrk_1, URI:spiffe://understudy/worker/wrk_2",
      'URI:"spiffe://understudy/worker/wrk_1"',
      "URI:spiffe://understudy/worker/",
      "URI:spiffe://understudy/worker/wrk_1/x",
      "URI:spiffe://elsewhere/worker/wrk_1",
      "URI:spiffe://understudy/control-plane/x",
    ])
      expect(identityOf(other), other).toBe(null);
  });
});

describe("a join token", () => {
  test("proves an authority to who has it, for one nonce, and seals with another key than it proves with", async () => {
    const [mine, same, another] = await Promise.all(["usj_1", "usj_1", "usj_2"].map((token) => JoinSecret.of(token)));
    const nonce = newNonce();
    const proof = (mine as JoinSecret).prove(nonce, "authority");
    expect(same?.holds(proof, nonce, "authority")).toBe(true);
    expect(another?.holds(proof, nonce, "authority")).toBe(false);
    expect(same?.holds(proof, newNonce(), "authority")).toBe(false);
    expect(same?.holds(proof, nonce, "another authority")).toBe(false);
    expect(same?.holds(Buffer.alloc(0), nonce, "authority")).toBe(false);
    expect(mine?.sealingKey).toBe(same?.sealingKey);
    expect(mine?.sealingKey).not.toBe(another?.sealingKey);
  });
});

describe("whether TLS is spoken", () => {
  test.each([
    ["127.0.0.1", true],
    ["127.8.9.10", true],
    ["[::1]", true],
    ["LOCALHOST", true],
    ["::ffff:127.0.0.1", true],
    ["0.0.0.0", false],
    ["::", false],
    ["10.0.0.1", false],
    ["127.0.0.1.example", false],
    ["localhost.example", false],
  ])("%s is this machine's loopback: %s", (host, is) => {
    expect(isLoopback(host)).toBe(is);
  });

  test("is by every address, unless it is said", () => {
    expect(speaksTls("auto", "127.0.0.1", "localhost")).toBe(false);
    expect(speaksTls("auto", "127.0.0.1", "10.0.0.1")).toBe(true);
    expect(speaksTls("always", "127.0.0.1")).toBe(true);
    expect(speaksTls("never", "10.0.0.1")).toBe(false);
    expect([readTlsMode(undefined), readTlsMode(""), readTlsMode("never")]).toEqual(["auto", "auto", "never"]);
    expect(() => readTlsMode("on")).toThrow(/Cannot use UNDERSTUDY_TLS: it is "on", wanted is auto, always, never/);
  });
});

test("a certificate is renewed at two thirds of its time, and in what is left ten times, within what timers take", () => {
  expect(renewalDelayMs(24 * HOUR_MS)).toBe(16 * HOUR_MS);
  expect(renewalDelayMs(365 * 24 * HOUR_MS)).toBe(2 ** 31 - 1);
  expect([renewalRetryMs(1000), renewalRetryMs(15 * 60_000), renewalRetryMs(24 * HOUR_MS)]).toEqual([200, 30_000, 60_000]);
});
