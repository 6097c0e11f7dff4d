import { applyPatch, parsePatch, type StructuredPatch } from "diff"
import { Result } from "effect"
import { Limits } from "../../domain/policies/Limits.ts"
import { lineEndings, toCrlf, toLf } from "./Text.ts"
import { printable } from "./Words.ts"

/** What a diff makes of a file: its new text, or null when the file goes; and its executable bit, when told. */
export interface Diffed {
  readonly text: string | null
  readonly executable: boolean | null
}

type Checked<A> = Result.Result<A, string>

const nowhere = "/dev/null"
const plainModes: Record<string, boolean> = { "100644": false, "100755": true }

const isNameOf = (path: string, header: string | undefined): boolean => {
  if (header === undefined || header === nowhere) return true
  const name = header.replace(/^(?:\.\/)+/, "")
  // git's prefixes: a/ and b/, or with diff.mnemonicPrefix i/, w/, c/ and o/.
  return name === path || name.replace(/^[abciow]\//, "") === path
}

const parse = (diff: string): Checked<StructuredPatch> => {
  const parsed = Result.try({
    try: () => parsePatch(diff),
    catch: (error) =>
      `the diff is malformed: ${printable(error instanceof Error ? error.message : String(error))}`
  })
  return Result.flatMap(parsed, ([patch, ...others]) =>
    patch === undefined || others.length > 0
      ? Result.fail("the diff is about more than one file")
      : Result.succeed(patch)
  )
}

/** What makes a diff unfit whatever the file holds. */
const flaw = (path: string, patch: StructuredPatch): string | null => {
  for (const header of [patch.oldFileName, patch.newFileName, patch.index]) {
    if (!isNameOf(path, header)) return `the diff is about another file, ${printable(header ?? "")}`
  }
  if (patch.isRename || patch.isCopy) return "the diff renames or copies a file"
  if (patch.isBinary) return "the diff is binary"
  const mode = patch.newMode ?? patch.oldMode
  if (mode !== undefined && plainModes[mode] === undefined) {
    return `the diff is about something other than a plain file (mode ${printable(mode)})`
  }
  if (patch.oldFileName === nowhere && patch.newFileName === nowhere) return "the diff names no file"
  const nameless = patch.hunks.findIndex((hunk) => !Number.isSafeInteger(hunk.oldStart))
  if (nameless !== -1) return `hunk ${nameless + 1} of the diff has no line numbers`
  if (patch.hunks.length === 0 && !patch.isCreate && !patch.isDelete && patch.newMode === undefined) {
    return "the diff has no hunks"
  }
  return null
}

const lastLine = (text: string): string => text.slice(text.lastIndexOf("\n") + 1)

/**
 * Whether a text ends as the diff says it does. jsdiff adds or removes the final newline for a "No newline at
 * end of file" wherever the hunk landed, so a stray one would change the end of a file it is not about.
 */
const endsAsTold = (text: string, patch: StructuredPatch): boolean => {
  const lines = patch.hunks.at(-1)?.lines ?? []
  if (!lines.some((line) => line.startsWith("\\"))) return true
  const last = lines.findLastIndex((line) => line.startsWith("+") || line.startsWith(" "))
  if (last === -1) return true
  const told = lines[last]?.slice(1) ?? ""
  const hasNewline = !lines[last + 1]?.startsWith("\\")
  if (hasNewline !== text.endsWith("\n")) return false
  return lastLine(hasNewline ? text.slice(0, -1) : text) === told
}

class TooManyComparisons extends Error {}

/** Fits the hunks, allowing for other line numbers but not for other lines. */
const fit = (text: string, patch: StructuredPatch): Checked<string> => {
  const lineCount = text.split("\n").length
  const blind = patch.hunks.findIndex((hunk) => hunk.oldLines === 0)
  if (blind !== -1 && text !== "")
    return Result.fail(`hunk ${blind + 1} of the diff has no line to place it by`)
  let comparisons = 0
  const applied = Result.try({
    try: () =>
      applyPatch(
        text,
        // jsdiff walks to the file from wherever the hunk says it starts, however far away that is.
        {
          ...patch,
          hunks: patch.hunks.map((hunk) => ({ ...hunk, oldStart: Math.min(hunk.oldStart, lineCount) }))
        },
        {
          autoConvertLineEndings: false,
          fuzzFactor: 0,
          compareLine: (_, line, __, told) => {
            if (++comparisons > Limits.diffComparisonsMax) throw new TooManyComparisons()
            return line === told
          }
        }
      ),
    catch: (error) =>
      error instanceof TooManyComparisons
        ? "finding where the diff fits takes too long"
        : `the diff is malformed: ${printable(error instanceof Error ? error.message : String(error))}`
  })
  return Result.flatMap(applied, (result) =>
    result !== false && endsAsTold(result, patch)
      ? Result.succeed(result)
      : Result.fail("the diff does not fit: its context or removed lines are not in the file")
  )
}

const bom = "\uFEFF"

/** A model does not see a byte order mark and leaves it out of its diff; git does not. */
const fitAfterBom = (text: string, patch: StructuredPatch): Checked<string> => {
  const knowsIt = patch.hunks.some((hunk) => hunk.lines.some((line) => line.startsWith(bom, 1)))
  return knowsIt || !text.startsWith(bom)
    ? fit(text, patch)
    : Result.map(fit(text.slice(bom.length), patch), (result) => bom + result)
}

/** Applies a unified diff to the text of one file, null when there is none, or says why it cannot be. */
export const applyDiff = (path: string, before: string | null, diff: string): Checked<Diffed> => {
  const endings = before === null ? null : lineEndings(before)
  const uniform = endings === "lf" || endings === "crlf"
  return Result.flatMap(parse(uniform ? toLf(diff) : diff), (patch): Checked<Diffed> => {
    const why = flaw(path, patch)
    if (why !== null) return Result.fail(why)
    const addsOnly = patch.hunks.length > 0 && patch.hunks.every((hunk) => hunk.oldLines === 0)
    const creates = patch.oldFileName === nowhere || patch.isCreate === true
    const deletes = patch.newFileName === nowhere || patch.isDelete === true
    if (before !== null && creates) return Result.fail("the diff makes a new file, and the file exists")
    if (before === null && !creates && !addsOnly) return Result.fail("there is no such file")
    const executable = patch.newMode === undefined ? null : (plainModes[patch.newMode] ?? null)
    return Result.flatMap(
      fitAfterBom(uniform ? toLf(before ?? "") : (before ?? ""), patch),
      (text): Checked<Diffed> => {
        if (!deletes) return Result.succeed({ text: endings === "crlf" ? toCrlf(text) : text, executable })
        return text === "" || text === bom
          ? Result.succeed({ text: null, executable: null })
          : Result.fail("the diff deletes the file but not all of its lines")
      }
    )
  })
}
