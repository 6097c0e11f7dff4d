import { execFileSync } from "node:child_process"

/** The processes whose command line holds a text, zombies aside: what has ended but was not collected is gone. */
export const running = (text: string): ReadonlyArray<string> =>
  execFileSync("ps", ["-A", "-ww", "-o", "stat=,pid=,args="], { encoding: "utf8" })
    .split("\n")
    .filter((line) => line.includes(text) && !line.trimStart().startsWith("Z"))
