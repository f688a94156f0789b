/** Something that must never be: what, and who says so. */
export class Violation extends Error {
  constructor(
    readonly checker: string,
    message: string,
    options?: ErrorOptions,
  ) {
    super(`${checker}: ${message}`, options);
    this.name = "Violation";
  }
}
