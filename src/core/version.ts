/** The version of the official SDK whose API and wire protocol this package has. */
export const SDK_VERSION = "2.4.0";
