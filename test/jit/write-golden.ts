/** `npm run golden`: writes the golden translations anew. Read the difference, and say in the commit why it is as it should be. */
import { goldenNames, writeGolden } from "./golden.ts";

for (const name of goldenNames()) writeGolden(name);
