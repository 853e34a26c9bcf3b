#include <gtest/gtest.h>

#include "blob/impl/s3_sign.h"

// The examples of the Amazon S3 API Reference, "Signature Calculations for the Authorization Header".
namespace chengxin::blob {
namespace {

std::string signature_of(SignedRequest request) {
  const Credentials credentials{"AKIAIOSFODNN7EXAMPLE",
                                crypto::to_secret(view("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"))};
  request.headers["host"] = "examplebucket.s3.amazonaws.com";
  request.headers["x-amz-date"] = "20130524T000000Z";
  request.headers["x-amz-content-sha256"] = request.body_sha256;
  const std::string value = authorization(request, credentials, "us-east-1");
  EXPECT_TRUE(value.starts_with(
      "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,SignedHeaders="));
  EXPECT_EQ(value.find("wJalrXUtnFEMI"), value.npos);
  return value.substr(value.rfind('=') + 1);
}

TEST(S3Sign, TheDocumentedExamples) {
  const std::string empty = sha256_hex({});
  EXPECT_EQ(signature_of({"GET", "/test.txt", {}, {{"range", "bytes=0-9"}}, empty}),
            "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41");
  EXPECT_EQ(signature_of(
                {"PUT",
                 encode_path("/test$file.text"),
                 {},
                 {{"date", "Fri, 24 May 2013 00:00:00 GMT"}, {"x-amz-storage-class", "REDUCED_REDUNDANCY"}},
                 sha256_hex(view("Welcome to Amazon S3."))}),
            "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd");
  EXPECT_EQ(signature_of({"GET", "/", {{"lifecycle", ""}}, {}, empty}),
            "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543");
  EXPECT_EQ(signature_of({"GET", "/", {{"prefix", "J"}, {"max-keys", "2"}}, {}, empty}),
            "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7");
}

TEST(S3Sign, EncodesWhatIsNotUnreserved) {
  EXPECT_EQ(encode_path("/桶/a b+c=(d)'!*~-._/"), "/%E6%A1%B6/a%20b%2Bc%3D%28d%29%27%21%2A~-._/");
  EXPECT_EQ(encode_path("/a//b"), "/a//b");
  EXPECT_EQ(encode_query({{"b", "x/y z"}, {"a", ""}}), "a=&b=x%2Fy%20z");
  EXPECT_EQ(amz_date(1369353600000), "20130524T000000Z");
}

}  // namespace
}  // namespace chengxin::blob
