import { Schema } from "effect"
import type { PlatformError } from "effect"
import * as Evidence from "../../../domain/errors/Evidence.ts"

/** The embedded PostgreSQL is not available. `fix` is what a person can do about it. */
export class EmbeddedPostgresFailed extends Schema.TaggedError<EmbeddedPostgresFailed>()(
  "EmbeddedPostgresFailed",
  {
    problem: Schema.Literals([
      "unsupported_platform",
      "binaries_missing",
      "no_user",
      "data_folder",
      "initdb_failed",
      "start_failed",
      "timed_out"
    ]),
    evidence: Evidence.Evidence,
    fix: Schema.String
  }
) {
  override get message() {
    return `PostgreSQL is not available (${this.evidence.operation}): ${this.evidence.excerpt}. ${this.fix}`
  }
}

/** The way out that always exists. */
export const useYourOwn = "Or set DATABASE_URL to a PostgreSQL of your own."

/** A failure of the file system while something under `folder` was made or read. */
export const folderFailed = (operation: string, folder: string) => (error: PlatformError.PlatformError) =>
  new EmbeddedPostgresFailed({
    problem: "data_folder",
    evidence: Evidence.make({ operation, excerpt: error.message, cause: error }),
    fix: `Make sure that this user may write ${folder} and that its disk has room. ${useYourOwn}`
  })
