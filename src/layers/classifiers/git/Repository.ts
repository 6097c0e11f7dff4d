import type { TextRule } from "../command/TextRule.ts"
import type { Tag } from "./Conditions.ts"
import { atSomeStage, isFetch, isPush, switchesFiles } from "./Operations.ts"

/** The local repository itself: is it one, is it whole, may it be used. */
export const repository: ReadonlyArray<TextRule<Tag>> = [
  {
    id: "repository.none",
    // A push to a path says so of the remote, where it is the address that is wrong.
    says: /not a git repository|not in a git (?:directory|repository)/im,
    unless: /does not appear to be a git repository/,
    is: "NotARepository"
  },
  {
    id: "repository.setting",
    says: /dubious ownership|unsafe repository|cannot use bare repository|must be run in a work tree|bad (?:config|numeric config|boolean config)|unknown repository (?:extension|format)|Expected git repo version|core\.bare and core\.worktree|invalid gitfile format|is outside repository|unable to parse .*config|invalid (?:config file|key)|missing value for/im,
    is: "RepositoryMisconfigured"
  },
  {
    id: "repository.corrupt",
    says: /\bis corrupt|index file (?:corrupt|smaller|open failed)|bad (?:signature 0x|index (?:version|file)|tree object|object [0-9a-fH]|pack (?:file|header))|object file .* is empty|garbage at end of loose|^(?:error|fatal): inflate|unable to (?:read (?:tree|sha1 file|object)|unpack|parse (?:commit|object))|missing (?:blob|tree|commit) |packfile .* (?:cannot be accessed|does not match|claims)|unresolved deltas|does not point to a valid object|cannot be resolved to branch|fsck error|your current branch appears to be broken|broken (?:index|ref)|hash mismatch|could not read [0-9a-f]{40}|reference broken|(?:Failed to traverse|Could not read) .*[0-9a-f]{40}/im,
    is: "RepositoryCorrupt",
    reach: (facts) =>
      isPush(facts.operation) || !switchesFiles(facts.operation) ? "refused" : atSomeStage(facts)
  }
]

/** Names: branches, tags, commits, folders. */
export const names: ReadonlyArray<TextRule<Tag>> = [
  {
    id: "name.in-a-worktree",
    says: /already (?:checked out|used by worktree) at|checked out at '|used by worktree at|missing but (?:already registered|locked) worktree|locked working tree|is already locked|being (?:rebased|bisected) at|is a main working tree|current working directory|refusing to fetch into (?:current )?branch/im,
    is: "WorktreeConflict",
    but: ({ operation }) => (isFetch(operation) ? { category: "permanent" } : undefined)
  },
  {
    id: "name.taken",
    on: (operation) => !isPush(operation) && operation !== "apply" && operation !== "am",
    says: /already exists/m,
    is: ({ operation }) => (operation === "clone" || operation === "worktree" ? "PathExists" : "RefExists"),
    // Nobody clears the target of a clone; a worktree's place and a branch's name are cleared by clean-up.
    but: ({ operation }) => (operation === "clone" ? { category: "permanent" } : undefined)
  },
  {
    id: "name.missing",
    says: /branch '.*' not found|pathspec '.*' did not match|Remote (?:branch|revision) .* not found in upstream|couldn't find remote ref|no such remote ref|src refspec .* does not match any|remote ref does not exist|invalid reference|unknown revision|bad revision|Needed a single revision|[Nn]ot a valid (?:object name|ref\b|revision|branch point|commit|reference)|is not a valid (?:reference|ref\b)|not something we can merge|is not a commit|[Nn]o such (?:ref|branch)|not our ref|unadvertised object|Failed to resolve|invalid upstream|does not point to a commit|tag '.*' not found|No stash entries|log for '.*' only has \d+ entr|No branch named|No names found|no such path '|' is not locked|lacks these prerequisite commits|Object does not exist on the server|is not a working tree|is not a stash|(?:no|No|There is no) (?:rebase|merge|cherry-pick|revert|bisect)(?: to abort| in progress| or revert in progress)|with nonexistent object|^fatal: path '.*' (?:does not exist|exists on disk)/m,
    is: "RefMissing"
  },
  {
    id: "name.empty-repository",
    says: /does not have any commits yet|You do not have the initial commit|nothing to amend|do not have a valid HEAD|cloned an empty repository/m,
    is: "EmptyRepository",
    reach: ({ operation }) => (operation === "clone" ? "happened" : "refused")
  },
  {
    id: "name.unclear",
    says: /refspec .* matches more than one|not a full refname|invalid refspec|not a valid (?:branch|tag) name|is not a git command|is a merge but no -m option|on a complete repository does not make sense|is not a positive number|refusing to clean|could not read (?:log|message|template) file|receives from more than one src|bad numeric|ambiguous object name|Bad value|not a valid 40-hex/m,
    is: "InvalidRequest"
  },
  {
    id: "name.upstream",
    says: /You are not currently on a branch|has no upstream branch|multiple upstream branches|No configured push destination|upstream branch of your current branch does not match|which is not the upstream of|no tracking information|Need to specify how to reconcile|No (?:default )?(?:upstream|remote) (?:defined|for)|No such remote/im,
    is: "UpstreamMissing"
  },
  { id: "name.not-merged", says: /is not fully merged/m, is: "NotMerged" }
]
