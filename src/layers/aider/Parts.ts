import { Array as Arr } from "effect"
import { type Edit, Proposal } from "../../domain/Proposal.ts"
import { ownSettings } from "./Folder.ts"

/** Aider's edits can make and change files, and cannot say that one goes; and it obeys some files instead of editing them. */
const isByHand = ({ _tag, path }: Edit): boolean =>
  _tag === "DeleteFile" || ownSettings.includes(path.replace(/^(?:\.\/)+/, ""))

/**
 * A proposal in two: what Aider is asked to do, and what the built-in editor does after it. A file that is in both
 * makes all of it the built-in editor's, because the order counts there.
 */
export const divide = (
  proposal: Proposal
): { readonly asked: Proposal | undefined; readonly byHand: Proposal | undefined } => {
  const asked = proposal.edits.filter((edit) => !isByHand(edit))
  const byHand = proposal.edits.filter(isByHand)
  const paths = new Set(asked.map(({ path }) => path))
  if (!Arr.isArrayNonEmpty(asked) || byHand.some(({ path }) => paths.has(path))) {
    return { asked: undefined, byHand: proposal }
  }
  return {
    asked: new Proposal({ ...proposal, edits: asked }),
    byHand: Arr.isArrayNonEmpty(byHand) ? new Proposal({ ...proposal, edits: byHand }) : undefined
  }
}
