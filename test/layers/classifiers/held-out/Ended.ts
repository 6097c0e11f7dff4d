import type { Classified } from "../../../../src/domain/failures/Classified.ts"
import type { Case } from "./Case.ts"

/** A command that ended badly, and where its words come from. */
export interface EndedCase extends Case {
  readonly source: string
}

type Row = readonly [
  id: string,
  operation: string,
  exitCode: number | null,
  text: string,
  label: readonly [Classified["category"], boolean, Classified["sideEffect"]],
  source: string,
  more?: { readonly stdout?: string; readonly signal?: string }
]

const cases =
  (stream: "stdout" | "stderr") =>
  (dangerous: boolean, rows: ReadonlyArray<Row>): ReadonlyArray<EndedCase> =>
    rows.map(([id, operation, exitCode, text, [category, retryable, sideEffect], source, more]) => ({
      id,
      operation,
      input: { exitCode, stdout: "", stderr: "", [stream]: text, ...more },
      category,
      retryable,
      sideEffect,
      source,
      dangerous
    }))

/** Cases whose text was printed on stderr. */
export const onStderr = cases("stderr")

/** Cases whose text was printed on stdout. */
export const onStdout = cases("stdout")
