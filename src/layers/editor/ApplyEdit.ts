import { Result } from "effect"
import type { Edit } from "../../domain/Proposal.ts"
import { Limits } from "../../domain/policies/Limits.ts"
import { applyDiff } from "./Diff.ts"
import { encode, searchReplace } from "./Text.ts"

/** What a file is to hold. */
export interface Content {
  readonly bytes: Uint8Array
  /** Null: as it was, or not when the file is new. */
  readonly executable: boolean | null
}

/** The file an edit meets. */
export interface Met {
  readonly path: string
  readonly exists: boolean
  /** What it holds, for an edit of text; null when there is no file or the edit does not need to know. */
  readonly text: string | null
  readonly executable: boolean | null
}

/** Whether an edit depends on the text that is there. */
export const isTextEdit = (edit: Edit): boolean =>
  edit._tag === "SearchReplace" || edit._tag === "UnifiedDiff"

export const tooLong = `it is longer than ${Limits.editFileBytesMax} bytes`
export const isTooLong = (length: number): boolean => length > Limits.editFileBytesMax

const missing = "there is no such file"

const content = (text: string, executable: boolean | null): Result.Result<Content, string> => {
  if (isTooLong(text.length)) return Result.fail(tooLong)
  return Result.flatMap(encode(text), (bytes) =>
    isTooLong(bytes.length) ? Result.fail(tooLong) : Result.succeed({ bytes, executable })
  )
}

/** What an edit makes of the file it meets, null when the file goes, or in words why it cannot be made. */
export const applyEdit = (edit: Edit, met: Met): Result.Result<Content | null, string> => {
  switch (edit._tag) {
    case "WholeFile":
      return content(edit.content, met.executable)
    case "DeleteFile":
      return met.exists ? Result.succeed(null) : Result.fail(missing)
    case "SearchReplace": {
      if (met.text === null) return Result.fail(missing)
      if (isTooLong(edit.search.length) || isTooLong(edit.replace.length)) return Result.fail(tooLong)
      const after = searchReplace(met.text, edit.search, edit.replace)
      return Result.flatMap(after, (text) => content(text, met.executable))
    }
    case "UnifiedDiff": {
      if (isTooLong(edit.diff.length)) return Result.fail(tooLong)
      const diffed = applyDiff(met.path, met.text, edit.diff)
      return Result.flatMap(diffed, ({ executable, text }): Result.Result<Content | null, string> =>
        text === null ? Result.succeed(null) : content(text, executable ?? met.executable)
      )
    }
  }
}
