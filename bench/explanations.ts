/**
 * Why a target was missed, by scenario; shown only where it was, beside the profile of that very run. Figures belong
 * into the results, not here.
 */
export const explanations: Readonly<Record<string, string>> = {};
