/** JSON merge patch, RFC 7396: an object is merged field by field, null takes a field away, anything else replaces. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [name: string]: Json };

export function mergePatch(target: Json, patch: Json): Json {
  if (!isObject(patch)) return patch;
  const merged = new Map(isObject(target) ? Object.entries(target) : []);
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) merged.delete(name);
    else merged.set(name, mergePatch(merged.get(name) ?? null, value));
  }
  return Object.fromEntries(merged);
}

/** @returns JSON pointers of what differs, as deep as both have an object there; empty where they are equal */
export function changedPointers(before: Json | undefined, after: Json | undefined, at = ""): readonly string[] {
  if (isObject(before) && isObject(after)) {
    const names = [...new Set([...Object.keys(before), ...Object.keys(after)])].sort();
    return names.flatMap((name) => changedPointers(before[name], after[name], `${at}/${name.replaceAll("~", "~0").replaceAll("/", "~1")}`));
  }
  return JSON.stringify(before) === JSON.stringify(after) ? [] : [at];
}

function isObject(value: Json | undefined): value is { readonly [name: string]: Json } {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
