/** Kernels: what the machine can load, and what is told about the rest. */
import { gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { readKernel } from "../../src/images/kernel-image.ts";

/** A flat Image with an EFI stub of one section, as far as its headers go. */
function kernelImage(): Buffer {
  const image = Buffer.alloc(4096);
  image.write("MZ", 0, "latin1");
  image.writeBigUInt64LE(0x200000n, 8);
  image.writeBigUInt64LE(0x800000n, 16);
  image.write("RISCV\0\0\0", 48, "latin1");
  image.write("RSC\x05", 56, "latin1");
  image.writeUInt32LE(64, 60);
  image.write("PE\0\0", 64, "latin1");
  image.writeUInt16LE(1, 64 + 6); // sections
  image.writeUInt16LE(0, 64 + 20); // bytes of the optional header
  image.writeUInt32LE(4096 - 1024, 88 + 16); // section's bytes in the file
  image.writeUInt32LE(1024, 88 + 20); // and where they are
  image.write("Linux version %s\0Linux version 6.12.1+deb13-riscv64 (someone) #1\0", 2048, "latin1");
  return image;
}

/** The wrapping that `CONFIG_EFI_ZBOOT` makes. */
function zboot(payload: Buffer, compression: string): Buffer {
  const head = Buffer.alloc(128);
  head.write("MZ", 0, "latin1");
  head.write("zimg", 4, "latin1");
  head.writeUInt32LE(128, 8);
  head.writeUInt32LE(payload.length, 12);
  head.write(compression, 24, "latin1");
  return Buffer.concat([head, payload, Buffer.alloc(64)]);
}

async function problem(file: Uint8Array): Promise<{ code: string; message: string }> {
  return await readKernel(file).then(
    () => ({ code: "no error", message: "" }),
    (error: { code: string; message: string }) => error,
  );
}

describe("a kernel", () => {
  it("is read with its release and the memory that it takes", async () => {
    expect(await readKernel(kernelImage())).toMatchObject({ release: "6.12.1+deb13-riscv64", memoryBytes: 0x800000 });
  });

  it.each([
    ["gzip", gzipSync(kernelImage())],
    ["EFI zboot with gzip", zboot(gzipSync(kernelImage()), "gzip")],
  ])("is unwrapped from %s", async (_name, file) => {
    expect(Buffer.compare((await readKernel(file)).image, kernelImage())).toBe(0);
  });

  it.each([0, 1, 40, 63, 64, 70, 90, 127, 1024, 4095])("is told to be truncated when only %i bytes are there", async (length) => {
    expect((await problem(kernelImage().subarray(0, length))).code).toBe("image_truncated");
  });

  it("is told to be truncated inside its wrappings", async () => {
    const packed = gzipSync(kernelImage());
    expect((await problem(packed.subarray(0, packed.length - 9))).code).toBe("image_truncated");
    const wrapped = zboot(packed, "gzip");
    expect((await problem(wrapped.subarray(0, 140))).code).toBe("image_truncated");
    expect((await problem(gzipSync(kernelImage().subarray(0, 2000)))).code).toBe("image_truncated");
  });

  const otherArchitecture = kernelImage();
  otherArchitecture.fill(0, 48, 60);
  const bigEndian = kernelImage();
  bigEndian[24] = 1;
  it.each([
    ["an ELF file", Buffer.concat([Buffer.from("\x7fELF", "latin1"), Buffer.alloc(100)]), /ELF/],
    ["a kernel for another architecture", otherArchitecture, /another architecture/],
    ["a text", Buffer.from("#!/bin/sh\n".repeat(20)), /no RISC-V image header/],
    ["big endian", bigEndian, /big endian/],
    ["EFI zboot in a compression that is not opened", zboot(Buffer.from("?".repeat(99)), "lzma9"), /lzma9/],
  ])("is refused when it is %s", async (_name, file, message) => {
    const { code, message: said } = await problem(file);
    expect(code).toBe("image_invalid");
    expect(said).toMatch(message);
  });
});
