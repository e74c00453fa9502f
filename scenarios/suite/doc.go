// Package suite is for ginkgo suites about failover: it runs one trial in a
// sandbox and offers gomega matchers on what came of it.
//
// A suite of one's own needs three things: sandbox.Main(live.Roles()) first
// thing in TestMain, a call of Run in a spec, and matchers:
//
//	result, err := suite.Run(ctx, suite.Options{Fault: "link-loss", Directory: GinkgoT().TempDir()})
//	Expect(err).NotTo(HaveOccurred())
//	Expect(result).To(suite.HaveFailedOverWithin(4 * time.Second))
//	Expect(result).To(suite.HaveNoDualActive())
//
// The specs of this project itself are in the package's tests: each fault
// with each subject.
package suite
