/**
 * Who has V8 optimise regions: this process, or V8 by itself.
 *
 * Up to version 11 V8 would optimise what is left often, by many threads at once, whatever that costs and whether it runs much or not;
 * but it decides so for each module when that is made. So regions are left out, those that run much are asked for, and the
 * machine's own module, which is made before, goes on to be optimised by V8. Later versions count better, and abort the
 * process where flags change while it runs; there V8 is left alone.
 */
export const OPTIMISES_BY_ITSELF = Number.parseInt(process.versions.v8, 10) >= 12;
