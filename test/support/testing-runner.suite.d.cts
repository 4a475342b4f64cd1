declare const suite: (framework: object) => void;
export = suite;
