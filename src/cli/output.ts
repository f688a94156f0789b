/** Results on stdout: a table for people, JSON for programs, names for other commands. */
import { InvalidArgumentError, Option } from "commander";
import { print, type Shell } from "./shell.ts";

export type Format = "table" | "wide" | "json" | "name";

export interface Column<T> {
  readonly title: string;
  readonly value: (item: T) => string;
  /** Only with `-o wide`. */
  readonly wide?: boolean;
  /** Of a wide one: for this item it is shown without `-o wide` as well, where that is the only item. */
  readonly telling?: (item: T) => boolean;
}

export function outputOption(): Option {
  return new Option("-o, --output <format>", "how results are printed").choices(["table", "wide", "json", "name"]).default("table");
}

interface Listing<T> {
  readonly columns: readonly Column<T>[];
  /** What goes out as JSON. */
  readonly json: (item: T) => unknown;
  readonly name: (item: T) => string;
}

export function printList<T>(shell: Shell, format: Format, items: readonly T[], listing: Listing<T>): void {
  switch (format) {
    case "json":
      print(shell, JSON.stringify(items.map(listing.json), null, 2));
      return;
    case "name":
      for (const item of items) print(shell, listing.name(item));
      return;
    case "wide":
      for (const line of tableLines(items, listing.columns)) print(shell, line);
      return;
    case "table":
      for (const line of tableLines(
        items,
        listing.columns.filter(({ wide }) => wide !== true),
      ))
        print(shell, line);
  }
}

export function printOne<T>(shell: Shell, format: Format, item: T, listing: Listing<T>): void {
  if (format === "json") {
    print(shell, JSON.stringify(listing.json(item), null, 2));
    return;
  }
  const columns = listing.columns.filter(({ wide, telling }) => format === "wide" || wide !== true || telling?.(item) === true);
  printList(shell, format === "table" ? "wide" : format, [item], { ...listing, columns });
}

function tableLines<T>(items: readonly T[], columns: readonly Column<T>[]): string[] {
  const rows = [columns.map((column) => column.title), ...items.map((item) => columns.map((column) => column.value(item)))];
  const widths = columns.map((_column, index) => Math.max(...rows.map((row) => row[index]?.length ?? 0)));
  return rows.map((row) =>
    row
      .map((cell, index) => cell.padEnd(widths[index] ?? 0))
      .join("  ")
      .trimEnd(),
  );
}

/** `tier=front,env=prod`, or `-`. */
export function labelText(labels: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(labels).map(([key, value]) => `${key}=${value}`);
  return pairs.length === 0 ? "-" : pairs.join(",");
}

/** "3s", "5m", "2h", "4d": how long ago. */
export function age(timestamp: string, nowMs: number): string {
  const seconds = Math.max(0, Math.floor((nowMs - Date.parse(timestamp)) / 1000));
  if (seconds < 120) return `${seconds}s`;
  if (seconds < 7200) return `${Math.floor(seconds / 60)}m`;
  if (seconds < 172_800) return `${Math.floor(seconds / 3600)}h`;
  return `${Math.floor(seconds / 86_400)}d`;
}

export function parseInteger(low: number, high: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!/^\d+$/.test(text) || value < low || value > high) throw new InvalidArgumentError(`It is an integer from ${low} to ${high}.`);
    return value;
  };
}
