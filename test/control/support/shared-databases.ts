/** Databases on the server that all test files of a run have in common (see shared-postgres.ts). */
import { connect } from "node:net";
import { text } from "node:stream/consumers";
import type pg from "pg";
import { onTestFinished } from "vitest";
import { TestDatabases } from "./database.ts";
import { SHARED_POSTGRES } from "./shared-postgres.ts";

let shared: Promise<TestDatabases> | null = null;

export function sharedDatabases(): Promise<TestDatabases> {
  shared ??= askForTemplate().then((template) => new TestDatabases(template));
  return shared;
}

async function askForTemplate(): Promise<pg.PoolConfig> {
  const answer = await text(connect(process.env[SHARED_POSTGRES] as string));
  if (answer === "") throw new Error("the tests' Postgres did not start: the output of the run says why");
  return JSON.parse(answer) as pg.PoolConfig;
}

/**
 * A fresh database that is dropped when the test is over.
 *
 * @param migrated false: an empty one
 */
export async function databaseOfTest(migrated = true): Promise<pg.PoolConfig> {
  const databases = await sharedDatabases();
  const connection = await databases.newDatabase(migrated);
  onTestFinished(() => databases.drop(connection));
  return connection;
}
